import Foundation

/// Fetches one file over HTTP(S): goes on where an earlier attempt ended, checks the hash that the file's name carries, and
/// puts the file in its place only when it is whole.
package struct Download: Sendable {
    package let source: URL
    package let destination: String
    /// Seconds without a byte after which an attempt is given up.
    package var patience: TimeInterval = 30
    /// Attempts in a row that bring nothing before the download is given up.
    package var attempts = 3

    package init(_ source: URL, to destination: String) {
        self.source = source
        self.destination = destination
    }

    /// The hexadecimal digits between the last `-` and the ending, as in `resnet18-f37072fd.pth`; nil where there are none.
    package static func hashPrefix(in name: String) -> String? {
        let stem = name.split(separator: ".", omittingEmptySubsequences: false).first ?? ""
        guard let dash = stem.lastIndex(of: "-") else { return nil }
        let digits = stem[stem.index(after: dash)...]
        guard digits.count >= 8, digits.allSatisfy({ $0.isHexDigit && !$0.isUppercase }) else { return nil }
        return String(digits)
    }

    /// Returns when the file is at its destination. Blocks, so call it from a plain thread; `progress` gets the bytes so far
    /// and, where the server says so, of how many.
    package func run(progress: @escaping @Sendable (Int, Int?) -> Void) throws(DownloadError) {
        let folder = (destination as NSString).deletingLastPathComponent
        do { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) } catch {
            throw .cannotWrite(file: folder, reason: "the folder cannot be made")
        }
        let part = try PartialFile(for: destination)
        defer { part.close() }
        try fetch(into: part, progress)
        if let expected = Self.hashPrefix(in: (destination as NSString).lastPathComponent) {
            let found = try part.digest()
            guard found.hasPrefix(expected) else {
                part.remove()
                throw .wrongContent(source: source.absoluteString, expected: expected, found: found)
            }
        }
        try part.complete()
    }

    private func fetch(into part: PartialFile, _ progress: @escaping @Sendable (Int, Int?) -> Void)
        throws(DownloadError)
    {
        let address = source.absoluteString
        var left = attempts
        while true {
            let before = part.count
            switch Transfer.run(source, into: part, patience: patience, progress) {
            case .complete: return
            case .startAgain:
                try part.empty()
                left -= 1
                if left <= 0 { throw .refused(source: address, destination: destination, status: 416) }
            case .refused(let status):
                throw .refused(source: address, destination: destination, status: status)
            case .broken(let error): throw error
            case .interrupted(let reason, let total):
                left = part.count > before ? attempts : left - 1
                guard left <= 0 else { continue }
                if part.count == 0 { throw .unreachable(source: address, destination: destination, reason: reason) }
                throw .interrupted(
                    source: address, destination: destination, received: part.count, total: total, reason: reason)
            }
        }
    }
}
