import CNet

/// A busy process keeps memory that is freed, and gives it back when it rests.
///
/// To the kernel each page that is given back and taken again is a fault: for a body of some MiB they were
/// four tenths of all that it cost. So what one large body has taken stays for the next one until nothing has
/// come for a while. With it goes what else a resting process does not need: of the program's code, opening
/// a connection touches a part that events on kept connections never do.
extension EventLoop {
    /// Keeps memory that is freed from now on, until no descriptor has had an event for
    /// `Limits.restMilliseconds`; then all that is free goes back to the kernel.
    ///
    /// To be called where much memory or code is used that the next event may not need. On the virtual clock
    /// it does nothing: there no time passes for memory to lie idle.
    @EventLoopActor
    public func giveBackMemoryAtRest() {
        if keepsMemory || isVirtual { return }
        keepsMemory = true
        cnet_keep_memory()
        start { [self] in
            var rest = Deadline.after(milliseconds: Limits.restMilliseconds)
            while !rest.hasPassed {
                await sleep(until: rest)
                rest = Deadline(
                    nanoseconds: lastEventNanoseconds + Limits.restMilliseconds * 1_000_000)
            }
            ByteStream.giveBackScratch()
            cnet_give_back_memory()
            keepsMemory = false
        }
    }
}
