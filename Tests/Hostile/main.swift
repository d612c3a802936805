import Glibc

exit(Hostile.main(Array(CommandLine.arguments.dropFirst())))
