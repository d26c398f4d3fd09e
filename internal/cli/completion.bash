
# The script above needs functions of the package bash-completion. These functions replace
# them if the package is not loaded.

# Sets words, cword, cur and prev. bash splits words at = and : too; parts without a blank
# between them belong to one word.
__umadb_init_completion()
{
    local i blank line=${COMP_LINE:0:COMP_POINT}
    words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        blank=${line%%[![:blank:]]*}
        line=${line#"$blank"}
        cur=${COMP_WORDS[i]}
        if ((i == COMP_CWORD)); then
            cur=$line # up to the cursor
        fi
        line=${line#"$cur"}
        if [[ $i -eq 0 || -n $blank ]]; then
            words+=("$cur")
        else
            words[${#words[@]}-1]+=$cur
        fi
    done
    cword=$((${#words[@]} - 1))
    cur=${words[cword]}
    prev=${words[cword-1]}
}

# Completes file names, or directories with -d.
__umadb_filedir()
{
    if declare -F _filedir >/dev/null 2>&1; then
        _filedir "$@"
        return
    fi
    local name kind=-f
    if [[ ${1-} == -d ]]; then
        kind=-d
    fi
    COMPREPLY=()
    while IFS= read -r name; do
        COMPREPLY+=("$name")
    done < <(compgen "$kind" -- "$cur")
    compopt -o filenames 2>/dev/null
}
