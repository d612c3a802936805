import Glibc
import Net

EventLoop.shared.ownProcess()
exit(Hostile.main(Array(CommandLine.arguments.dropFirst())))
