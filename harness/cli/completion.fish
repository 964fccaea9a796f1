# Completion of optathlon in fish.
function __optathlon_candidates
    set -l found (OPTATHLON_COMPLETE=(commandline -cp) optathlon 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end

complete --command optathlon --no-files --arguments '(__optathlon_candidates)'
