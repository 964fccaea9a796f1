#compdef optathlon
# Completion of optathlon in zsh.
_optathlon() {
    local -a unfinished described
    local line word
    for line in ${(f)"$(OPTATHLON_COMPLETE="${(j: :)words[1,CURRENT-1]} $PREFIX" ${words[1]} 2>/dev/null)"}; do
        word=${line%%$'\t'*}
        case $word in
            */ | *:) unfinished+=($word) ;;
            *) described+=("${word//:/\\:}:${${line#$word}#$'\t'}") ;;
        esac
    done
    if (( $#unfinished + $#described == 0 )); then
        _files
        return
    fi
    (( $#unfinished )) && compadd -S '' -- $unfinished
    (( $#described )) && _describe optathlon described
}

if [[ ${funcstack[1]} == _optathlon ]]; then
    _optathlon "$@"
else
    compdef _optathlon optathlon
fi
