# Completion of optathlon in bash, with or without the package bash-completion.
_optathlon() {
    local line="${COMP_LINE:0:COMP_POINT}" IFS=$'\n' word before candidate
    word="${line##*[[:space:]]}"
    before=""
    # bash takes what is after the last : or = for the word to complete
    if [[ $word == *[:=]* && $COMP_WORDBREAKS == *:* ]]; then
        before="${word%"${word##*[:=]}"}"
    fi
    COMPREPLY=()
    for candidate in $(OPTATHLON_COMPLETE="$line" "$1" 2>/dev/null); do
        candidate="${candidate%%$'\t'*}"
        COMPREPLY+=("${candidate#"$before"}")
    done
    case "${COMPREPLY[*]}" in
        */ | *:) compopt -o nospace 2>/dev/null ;; # it goes on
    esac
}

complete -o default -F _optathlon optathlon
