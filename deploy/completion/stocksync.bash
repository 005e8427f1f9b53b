# bash completion for stocksync-producer and stocksync-consumer: the programs list their own words.
_stocksync() {
    local program=$1 current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} word i command=
    if [[ $previous == -c || $previous == --config ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
    fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ $word == -c || $word == --config ]]; then
            ((i++))
        elif [[ $word != -* ]]; then
            command=$word
            break
        fi
    done
    mapfile -t COMPREPLY < <(compgen -W "$("$program" --complete "$command" 2>/dev/null)" -- "$current")
}
complete -F _stocksync stocksync-producer stocksync-consumer
