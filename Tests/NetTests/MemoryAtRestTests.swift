import CNet
import COpenSSL
import Glibc
import Testing

@testable import Net

@Suite("Memory at rest")
struct MemoryAtRestTests {
    @Test("what lies below the stack of a thread is left alone when memory is given back")
    func neighbours() throws {
        let half = 128 << 10
        let mapping = mmap(nil, 2 * half, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        let below = try #require(mapping)
        memset(below, 0x5A, half)
        // The thread's stack is the upper half.
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        #expect(pthread_attr_setstack(&attributes, below + half, half) == 0)
        var thread = pthread_t()
        let failure = pthread_create(
            &thread, &attributes,
            { _ in
                cnet_give_back_memory()
                return nil
            }, nil)
        #expect(failure == 0)
        #expect(pthread_join(thread, nil) == 0)
        let isIntact = UnsafeRawBufferPointer(start: below, count: half).allSatisfy { $0 == 0x5A }
        #expect(isIntact)
        munmap(below, 2 * half)
    }

    @Test("what shares a page with memory that is given back is left alone")
    func sharedPages() {
        let page = sysconf(CInt(_SC_PAGESIZE))
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4 * page, alignment: page)
        defer { buffer.deallocate() }
        buffer.initializeMemory(as: UInt8.self, repeating: 0x5A)
        if let begin = buffer.baseAddress { cnet_give_back_pages(begin + 100, 2 * page) }
        #expect(buffer[..<page].allSatisfy { $0 == 0x5A } && buffer[(2 * page)...].allSatisfy { $0 == 0x5A })
        #expect(buffer[page..<(2 * page)].allSatisfy { $0 == 0 })
    }

    @Test("an allocation that goes on reads as zeros once its pages were given back")
    func pages() {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 8_192, alignment: 4_096)
        defer { buffer.deallocate() }
        buffer.initializeMemory(as: UInt8.self, repeating: 0x5A)
        if let begin = buffer.baseAddress { cnet_give_back_pages(begin, buffer.count) }
        #expect(buffer.allSatisfy { $0 == 0 })
    }
}
