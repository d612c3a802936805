import Functions
import Glibc

exit(Service.run(CommandLine.arguments))
