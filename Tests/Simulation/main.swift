import Glibc
import Net

EventLoop.shared.ownProcess()
exit(Simulate.main(Array(CommandLine.arguments.dropFirst())))
