extension Span<UInt8> {
    /// Whether these bytes are those of `other`. Looks at eight at once, where `==` of arrays looks at one.
    public func equals(_ other: Span<UInt8>) -> Bool {
        count == other.count && bytesAreEqual(self, other, at: 0)
    }
}
