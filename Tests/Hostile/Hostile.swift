import Glibc

/// One fuzz target: bytes in, and the program stops where something is not as it must be.
struct FuzzTarget: Sendable {
    let name: String
    let run: @Sendable ([UInt8]) -> Void

    static let all: [FuzzTarget] = [
        FuzzTarget(name: "response", run: FuzzMessages.response),
        FuzzTarget(name: "server", run: FuzzMessages.requests),
        FuzzTarget(name: "json", run: FuzzJSON.json),
        FuzzTarget(name: "base64", run: FuzzJSON.base64),
        FuzzTarget(name: "event", run: FuzzEvent.event),
        FuzzTarget(name: "credentials", run: FuzzEvent.credentials),
        FuzzTarget(name: "push_token", run: FuzzEvent.pushToken),
        FuzzTarget(name: "path", run: FuzzText.path),
        FuzzTarget(name: "names", run: FuzzText.names),
        FuzzTarget(name: "dates", run: FuzzText.dates),
        FuzzTarget(name: "log", run: FuzzText.log),
    ]
}

/// The program's commands.
enum Hostile {
    private static let usage = """
        usage: hostile targets                 the names of the fuzz targets
               hostile replay FOLDER           runs FOLDER/TARGET/* through their targets
               hostile canary FOLDER           the same against a wrong reference: must end with 1
               hostile fuzz TARGET [ARGUMENT…] searches (libFuzzer; built by fuzz/run)
               hostile injection [--count N] [--seed S]
               hostile work KIND BYTES         work to be counted; kinds: see scripts/linear
        """

    /// Returns the exit status: 0 when all is well, 1 or an abort when not, 64 for wrong usage.
    static func main(_ arguments: [String]) -> Int32 {
        switch (arguments.first, arguments.count) {
        case ("targets", 1):
            for target in FuzzTarget.all { print(target.name) }
            return 0
        case ("replay", 2): return replay(arguments[1])
        case ("canary", 2):
            SlowJSON.isWrong = true
            return replay(arguments[1])
        case ("injection", _): return Injection.main(Array(arguments.dropFirst()))
        case ("work", _): return Work.main(Array(arguments.dropFirst()))
        case ("fuzz", 2...): return fuzz(arguments[1], Array(arguments.dropFirst(2)))
        default:
            say(usage)
            return 64
        }
    }

    private static func replay(_ folder: String) -> Int32 {
        for target in FuzzTarget.all {
            let files = Folder.files("\(folder)/\(target.name)")
            check(!files.isEmpty, "\(target.name) has seeds")
            for file in files {
                guard let bytes = Folder.bytes(file) else {
                    say("\(file) cannot be read")
                    return 1
                }
                Current.file = file
                target.run(bytes)
            }
            print("\(target.name): \(files.count) inputs")
        }
        return 0
    }

    private static func fuzz(_ name: String, _ arguments: [String]) -> Int32 {
        guard let target = FuzzTarget.all.first(where: { $0.name == name }) else {
            say("there is no target \(name)")
            return 64
        }
        #if FUZZING
        return Fuzzer.run(target, arguments)
        #else
        say("built without the fuzzer; fuzz/run builds one for \(target.name)")
        return 64
        #endif
    }
}

/// Which input is being replayed, for the line that says what is not so.
enum Current {
    nonisolated(unsafe) static var file: String?
}

#if FUZZING
/// libFuzzer's own main function, under another name.
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
    _ body: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

enum Fuzzer {
    nonisolated(unsafe) private static var target = FuzzTarget.all[0]

    static func run(_ chosen: FuzzTarget, _ arguments: [String]) -> Int32 {
        target = chosen
        // As in C: the name first, a null pointer last, and they live as long as the program.
        let words = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: arguments.count + 2)
        words[0] = strdup("hostile")
        for (index, argument) in arguments.enumerated() { words[index + 1] = strdup(argument) }
        words[arguments.count + 1] = nil
        var count = CInt(arguments.count + 1)
        var pointer: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = words
        return runDriver(&count, &pointer) { data, size in
            Fuzzer.target.run(Array(UnsafeBufferPointer(start: data, count: size)))
            return 0
        }
    }
}
#endif
