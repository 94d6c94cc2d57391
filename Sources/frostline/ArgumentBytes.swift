import Foundation

/// The command line as the system gave it. The parser repairs what is not UTF-8, which then names another
/// file, or none.
enum ArgumentBytes {
    /// All arguments, the program's name first.
    static var all: [[UInt8]] {
        (0..<Int(CommandLine.argc)).compactMap { index in
            CommandLine.unsafeArgv[index].map { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) }
        }
    }

    /// The bytes of arguments that the parser gave as text, in the same order.
    static func paths(of texts: [String]) -> [[UInt8]] {
        var raw: [String: [[UInt8]]] = [:]
        for bytes in all {
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
