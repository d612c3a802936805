import Net

/// A bug on purpose: the simulation must find it, or it would find nothing.
struct Canary: Sendable {
    let name: String
    let about: String
    var exchange: (@Sendable @EventLoopActor (any HTTPExchange, World) -> any HTTPExchange)?
    var handler: (@Sendable @EventLoopActor (Instance.Parts, World) -> any Handler)?
}
