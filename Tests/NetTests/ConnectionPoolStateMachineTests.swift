import TestSupport
import Testing

@testable import Net

/// The pool in its most obvious form: four sets, and the rules as sentences.
private struct PoolModel {
    var leased: Set<Int> = []
    var idle: [Int] = []
    var opening = 0
    var waiting: [Int] = []
    /// Whether one of the attempts is a preparation, and whether a request waits for just that.
    var isPreparing = false
    var isUnclaimed = false
    var count: Int { leased.count + idle.count + opening }
}

@Suite("The connection pool's state machine")
struct ConnectionPoolStateMachineTests {
    private typealias Pool = ConnectionPoolStateMachine<Int, Int>

    private static func pool(_ connectionsMax: Int = 2, waitingMax: Int = 2) -> Pool {
        Pool(connectionsMax: connectionsMax, waitingMax: waitingMax, idleNanoseconds: 100)
    }

    @Test("the newest idle connection is used first, so the others grow old and are closed")
    func newestFirst() {
        var pool = Self.pool()
        for id in [1, 2] {
            #expect(pool.lease(id, nowNanoseconds: 0) == .open)
            pool.opened()
        }
        #expect(pool.release(1, isReusable: true, nowNanoseconds: 0) == .keep)
        #expect(pool.release(2, isReusable: true, nowNanoseconds: 50) == .keep)
        #expect(pool.lease(3, nowNanoseconds: 60) == .use(2))
        #expect(pool.expire(nowNanoseconds: 99) == [])
        #expect(pool.expire(nowNanoseconds: 100) == [1])
    }

    @Test("an idle connection whose time is over is not used")
    func expired() {
        var pool = Self.pool()
        #expect(pool.lease(1, nowNanoseconds: 0) == .open)
        pool.opened()
        #expect(pool.release(1, isReusable: true, nowNanoseconds: 0) == .keep)
        #expect(pool.lease(2, nowNanoseconds: 100) == .open)
    }

    @Test("a request that needs a fresh connection takes an idle one's place when the pool is full")
    func fresh() {
        var pool = Self.pool(1)
        #expect(pool.lease(1, nowNanoseconds: 0) == .open)
        pool.opened()
        #expect(pool.release(7, isReusable: true, nowNanoseconds: 0) == .keep)
        #expect(pool.lease(2, isFresh: true, nowNanoseconds: 1) == .replace(7))
    }

    @Test("a request waits for the connection that is being prepared, and the next one opens its own")
    func prepared() {
        var pool = Self.pool(3)
        let opens = pool.prepare(nowNanoseconds: 0)
        #expect(opens)
        #expect(pool.lease(1, nowNanoseconds: 0) == .wait)
        #expect(pool.lease(2, nowNanoseconds: 0) == .open)
        pool.opened(isPrepared: true)
        #expect(pool.release(7, isReusable: true, nowNanoseconds: 0) == .handOver(1))
    }

    @Test("a request that waits for a preparation in vain opens a connection itself")
    func preparedInVain() {
        var pool = Self.pool(3)
        let opens = pool.prepare(nowNanoseconds: 0)
        #expect(opens)
        #expect(pool.lease(1, nowNanoseconds: 0) == .wait)
        #expect(pool.failedToOpen(isPrepared: true) == 1)
    }

    @Test("beyond the ceiling requests wait in order, and beyond that ceiling they are refused")
    func waiting() {
        var pool = Self.pool(1, waitingMax: 2)
        #expect(pool.lease(1, nowNanoseconds: 0) == .open)
        pool.opened()
        #expect(pool.lease(2, nowNanoseconds: 0) == .wait)
        #expect(pool.lease(3, nowNanoseconds: 0) == .wait)
        #expect(pool.lease(4, nowNanoseconds: 0) == .refuse)
        #expect(pool.release(9, isReusable: true, nowNanoseconds: 0) == .handOver(2))
        #expect(pool.release(9, isReusable: false, nowNanoseconds: 0) == .closeAndOpenFor(3))
    }

    @Test("a model of the pool agrees over 100,000 random steps a seed", arguments: [1, 2, 3] as [UInt64])
    func model(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var pool = Self.pool(4, waitingMax: 3)
        var model = PoolModel()
        var next = 0
        for _ in 0..<100_000 {
            next += 1
            switch Int.random(in: 0..<8, using: &generator) {
            case 7: prepare(&pool, &model)
            case 0, 1: lease(next, isFresh: Bool.random(using: &generator), &pool, &model)
            case 2 where model.opening > 0:
                pool.opened(isPrepared: endAttempt(&model))
                model.opening -= 1
                model.leased.insert(next)
            case 3 where model.opening > 0: failedToOpen(&pool, &model)
            case 4, 5: release(isReusable: Bool.random(using: &generator), &pool, &model)
            default:
                if let id = model.idle.randomElement(using: &generator) {
                    let wasIdle = pool.closedWhileIdle(id)
                    #expect(wasIdle)
                    model.idle.removeAll { $0 == id }
                } else if let request = model.waiting.randomElement(using: &generator) {
                    let wasWaiting = (
                        pool.cancel { $0 == request }, pool.cancel { $0 == request }
                    )
                    #expect(wasWaiting == (true, false))
                    model.waiting.removeAll { $0 == request }
                }
            }
            guard pool.count == model.count, pool.idleCount == model.idle.count,
                pool.waitingCount == model.waiting.count, pool.leased == model.leased.count, pool.count <= 4
            else { return #expect(Bool(false), "the pool and its model part at step \(next)") }
        }
    }

    private func lease(_ request: Int, isFresh: Bool, _ pool: inout Pool, _ model: inout PoolModel) {
        let action = pool.lease(request, isFresh: isFresh, nowNanoseconds: 0)
        if !isFresh, let newest = model.idle.last {
            #expect(action == .use(newest))
            model.idle.removeLast()
            model.leased.insert(newest)
        } else if !isFresh, model.isUnclaimed, model.waiting.count < 3 {
            #expect(action == .wait)
            model.isUnclaimed = false
            model.waiting.append(request)
        } else if model.count < 4 {
            #expect(action == .open)
            model.opening += 1
        } else if let oldest = model.idle.first {
            #expect(action == .replace(oldest))
            model.idle.removeFirst()
            model.opening += 1
        } else if model.waiting.count < 3 {
            #expect(action == .wait)
            model.waiting.append(request)
        } else {
            #expect(action == .refuse)
        }
    }

    private func failedToOpen(_ pool: inout Pool, _ model: inout PoolModel) {
        let next = pool.failedToOpen(isPrepared: endAttempt(&model))
        #expect(next == model.waiting.first)
        if next == nil { model.opening -= 1 } else { model.waiting.removeFirst() }
    }

    private func prepare(_ pool: inout Pool, _ model: inout PoolModel) {
        let opens = model.opening == 0 && model.count < 4 && model.idle.isEmpty
        let isOpened = pool.prepare(nowNanoseconds: 0)
        #expect(isOpened == opens)
        if !opens { return }
        model.opening += 1
        model.isPreparing = true
        model.isUnclaimed = true
    }

    /// Ends an attempt, the preparation before any other. Returns whether it was that.
    private func endAttempt(_ model: inout PoolModel) -> Bool {
        defer {
            model.isPreparing = false
            model.isUnclaimed = false
        }
        return model.isPreparing
    }

    private func release(isReusable: Bool, _ pool: inout Pool, _ model: inout PoolModel) {
        guard let id = model.leased.min() else { return }
        let action = pool.release(id, isReusable: isReusable, nowNanoseconds: 0)
        switch (isReusable, model.waiting.first) {
        case (true, let request?):
            #expect(action == .handOver(request))
            model.waiting.removeFirst()
        case (true, nil):
            #expect(action == .keep)
            model.leased.remove(id)
            model.idle.append(id)
        case (false, let request?):
            #expect(action == .closeAndOpenFor(request))
            model.leased.remove(id)
            model.opening += 1
            model.waiting.removeFirst()
        case (false, nil):
            #expect(action == .close)
            model.leased.remove(id)
        }
    }
}
