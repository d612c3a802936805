import Functions
import Glibc
import Net

exit(Service.run(Process.arguments))
