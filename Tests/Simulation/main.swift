import Glibc

exit(Simulate.main(Array(CommandLine.arguments.dropFirst())))
