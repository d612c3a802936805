extension Span<UInt8> {
    /// Whether these bytes are exactly `text`.
    public func equals(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        let bytes = unsafe Span(_unsafeStart: text.utf8Start, count: text.utf8CodeUnitCount)
        return bytesAreEqual(bytes, self, at: 0)
    }

    /// Whether these bytes are those of `other`. Looks at eight at once, where `==` of arrays looks at one.
    public func equals(_ other: Span<UInt8>) -> Bool {
        count == other.count && bytesAreEqual(self, other, at: 0)
    }
}

@inline(__always)
func bytesAreEqual(_ bytes: Span<UInt8>, _ first: Int, _ second: Int, count: Int) -> Bool {
    bytesAreEqual(bytes.extracting(first..<first + count), bytes, at: second)
}

/// Whether `text` stands in `bytes` at `offset`, where there must be room for it.
///
/// Safe for every argument: the room is checked before anything is read.
@inline(__always)
func bytesAreEqual(_ text: Span<UInt8>, _ bytes: Span<UInt8>, at offset: Int) -> Bool {
    precondition(offset >= 0 && text.count <= bytes.count - offset, "there is room for the text")
    return unsafe text.withUnsafeBytes { text in
        unsafe bytes.withUnsafeBytes { bytes in
            guard let other = bytes.baseAddress, let base = text.baseAddress else { return true }
            return unsafe bytesAreEqual(base, other + offset, count: text.count)
        }
    }
}

/// The last word is compared whole, some of its bytes for the second time.
@inline(__always)
private func bytesAreEqual(_ first: UnsafeRawPointer, _ second: UnsafeRawPointer, count: Int) -> Bool {
    if count < 4 {
        for offset in 0..<count {
            let byte = unsafe first.load(fromByteOffset: offset, as: UInt8.self)
            guard unsafe byte == second.load(fromByteOffset: offset, as: UInt8.self) else { return false }
        }
        return true
    }
    if count < 8 {
        return unsafe wordsAreEqual(first, second, at: 0, as: UInt32.self)
            && wordsAreEqual(first, second, at: count - 4, as: UInt32.self)
    }
    var offset = 0
    while offset + 8 < count {
        guard unsafe wordsAreEqual(first, second, at: offset, as: UInt64.self) else { return false }
        offset += 8
    }
    return unsafe wordsAreEqual(first, second, at: count - 8, as: UInt64.self)
}

@inline(__always)
private func wordsAreEqual<Word: FixedWidthInteger & BitwiseCopyable>(
    _ first: UnsafeRawPointer, _ second: UnsafeRawPointer, at offset: Int, as type: Word.Type
) -> Bool {
    unsafe first.loadUnaligned(fromByteOffset: offset, as: type)
        == second.loadUnaligned(fromByteOffset: offset, as: type)
}
