enum Injection {
    static func main(_ arguments: [String]) -> Int32 { 64 }
}
