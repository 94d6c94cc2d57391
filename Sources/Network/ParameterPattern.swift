/// Which parameters a name pattern means.
///
/// A pattern without wildcards matches every name that contains it, as `'layer4' in name` does in Python; one with any
/// of `*?[]` is a shell glob over the whole name (`layer3.*.bn?.weight`, `fc.[wb]*`).
package struct ParameterPattern: Sendable, Hashable, CustomStringConvertible {
    package let text: String

    package init(_ text: String) { self.text = text }

    package var description: String { text }

    package func matches(_ name: String) -> Bool {
        if text.isEmpty { return false }
        if text.contains(where: { "*?[]".contains($0) }) {
            return Self.glob(Array(text.utf8)[...], Array(name.utf8)[...])
        }
        return name.contains(text)
    }

    /// Those of `names` that it matches, in order.
    package func matching(_ names: [String]) -> [String] { names.filter(matches) }

    /// Backtracking over the last `*` only, so that no pattern takes more than `pattern × name` steps.
    private static func glob(_ pattern: ArraySlice<UInt8>, _ name: ArraySlice<UInt8>) -> Bool {
        var p = pattern.startIndex
        var n = name.startIndex
        var retry: (p: Int, n: Int)?
        while n < name.endIndex {
            if p < pattern.endIndex, pattern[p] == UInt8(ascii: "*") {
                retry = (p + 1, n)
                p += 1
            } else if p < pattern.endIndex, let next = step(pattern, p, name[n]) {
                p = next
                n += 1
            } else if let back = retry {
                retry = (back.p, back.n + 1)
                p = back.p
                n = back.n + 1
            } else {
                return false
            }
        }
        return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
    }

    /// The pattern index after one that accepts `byte` at `p`, or nil. An unclosed `[` stands for itself.
    private static func step(_ pattern: ArraySlice<UInt8>, _ p: Int, _ byte: UInt8) -> Int? {
        switch pattern[p] {
        case UInt8(ascii: "?"): return p + 1
        case UInt8(ascii: "["):
            var i = p + 1
            var negated = false
            if i < pattern.endIndex, pattern[i] == UInt8(ascii: "!") || pattern[i] == UInt8(ascii: "^") {
                negated = true
                i += 1
            }
            let first = i
            var accepted = false
            while i < pattern.endIndex, pattern[i] != UInt8(ascii: "]") || i == first {
                if i + 2 < pattern.endIndex, pattern[i + 1] == UInt8(ascii: "-"), pattern[i + 2] != UInt8(ascii: "]") {
                    if pattern[i] <= byte, byte <= pattern[i + 2] { accepted = true }
                    i += 3
                } else {
                    if pattern[i] == byte { accepted = true }
                    i += 1
                }
            }
            guard i < pattern.endIndex else { return byte == UInt8(ascii: "[") ? p + 1 : nil }
            return accepted != negated ? i + 1 : nil
        default: return pattern[p] == byte ? p + 1 : nil
        }
    }
}
