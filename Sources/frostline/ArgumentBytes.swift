import Foundation

/// The command line as the system gave it. The parser repairs what is not UTF-8, which then names another
/// file, or none.
enum ArgumentBytes {
    /// The bytes of arguments that the parser gave as text, in the same order.
    static func paths(of texts: [String]) -> [[UInt8]] {
        var raw: [String: [[UInt8]]] = [:]
        for index in 0..<Int(CommandLine.argc) {
            guard let argument = CommandLine.unsafeArgv[index] else { continue }
            let bytes = Array(UnsafeRawBufferPointer(start: argument, count: strlen(argument)))
            let text = String(decoding: bytes, as: UTF8.self)
            // UTF-8 needs no looking up.
            if !text.utf8.elementsEqual(bytes) { raw[text, default: []].append(bytes) }
        }
        return texts.map { text in
            // Two names that were repaired to the same text come in the order of the command line.
            guard var candidates = raw[text], !candidates.isEmpty else { return Array(text.utf8) }
            let first = candidates.removeFirst()
            raw[text] = candidates
            return first
        }
    }
}
