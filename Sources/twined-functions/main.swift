import Functions
import Glibc
import Net

Process.prepare()
exit(Service.run(Process.arguments))
