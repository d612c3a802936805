// The local cloud as a program: options, readiness line, signals. docs/LOCAL_CLOUD.md says what it does.

import Glibc
import LocalCloud
import Net

func say(_ bytes: [UInt8], to descriptor: CInt) {
    var rest = bytes[...]
    while !rest.isEmpty {
        let count = unsafe rest.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
        if count <= 0 { return }
        rest = rest.dropFirst(count)
    }
}

func complain(_ text: String) {
    say(Array("local-cloud: \(text)\n".utf8), to: STDERR_FILENO)
}

@EventLoopActor
func serve(_ options: LocalCloudOptions) async -> Int32 {
    do {
        let signals = try SignalSource()
        let cloud = try LocalCloud(options: options)
        try cloud.start()
        say(cloud.readinessLine, to: STDOUT_FILENO)
        EventLoop.shared.start {
            _ = await signals.next()
            cloud.stop()
        }
        if options.stopsWithStandardInput {
            EventLoop.shared.start { await endOfStandardInput(stop: cloud) }
        }
        await cloud.waitUntilStopped()
        await cloud.close()
        return 0
    } catch {
        complain("\(error)")
        return 71
    }
}

/// Looks at standard input now and then: it may be a file or a terminal, which epoll does not take.
@EventLoopActor
func endOfStandardInput(stop cloud: LocalCloud) async {
    var buffer = [UInt8](repeating: 0, count: 4_096)
    while true {
        var descriptor = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        if unsafe poll(&descriptor, 1, 0) > 0 {
            let count = unsafe read(STDIN_FILENO, &buffer, buffer.count)
            if count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN) { return cloud.stop() }
        }
        await EventLoop.shared.sleep(until: .after(milliseconds: 50))
    }
}

do throws(LocalCloudOptions.Mistake) {
    let options = try LocalCloudOptions(arguments: Array(Process.arguments.dropFirst()))
    if options.wantsHelp {
        say(Array(LocalCloudOptions.help.utf8), to: STDOUT_FILENO)
        exit(0)
    }
    exit(EventLoop.shared.runProcess { await serve(options) })
} catch {
    complain(error.description)
    exit(64)
}
