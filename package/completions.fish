function __rk_drivers
    echo none
    set -l bin (command -s rk-net); or return
    for driver in (dirname $bin)/../libexec/rk/net/*
        basename $driver
    end
end

# LETTERS (the options that take a value): which word is the first operand
function __rk_operand
    set -l words (commandline -opc)
    set -l at 2
    while test $at -le (count $words); and string match -q -- '-*' $words[$at]
        set -l taken (string match -r -- "^-[^$argv[1]]*[$argv[1]]\$" $words[$at])
        test -n "$argv[1]" -a -n "$taken"; and set at (math $at + 1)
        set at (math $at + 1)
    end
    echo $at
end

# LETTERS: is the cursor before the operands?
function __rk_before
    test (__rk_operand $argv[1]) -gt (count (commandline -opc))
end

# LETTERS COUNT: complete the operands, of which COUNT come before the program
function __rk_program
    set -l words (commandline -opc)
    set -l program (math (__rk_operand $argv[1]) + $argv[2])
    if test (count $words) -lt (math $program - 1)
        __fish_complete_directories (commandline -ct)
    else if test (count $words) -eq (math $program - 1)
        __fish_complete_subcommand --fcs-skip=(math $program - 1)
    else
        complete -C (string join ' ' -- (string escape -- $words[$program..-1]) (commandline -ct))
    end
end
