import Glibc

/// A moment to the second, as text in ISO 8601, UTC: `2026-11-28T05:12:20Z`.
package struct Timestamp: Sendable, Hashable {
    /// Since 1970, without leap seconds.
    package let seconds: Int

    package init(seconds: Int) { self.seconds = seconds }

    package static var now: Timestamp { Timestamp(seconds: time(nil)) }

    /// nil for any other form, and for what no calendar has.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count == 20 else { return nil }
        func number(_ range: Range<Int>) -> Int32? {
            bytes[range].allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
                ? bytes[range].reduce(0) { $0 * 10 + Int32($1 - UInt8(ascii: "0")) } : nil
        }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10), let hour = number(11..<13),
            let minute = number(14..<16), let second = number(17..<19)
        else { return nil }
        var parts = tm()
        (parts.tm_year, parts.tm_mon, parts.tm_mday) = (year - 1900, month - 1, day)
        (parts.tm_hour, parts.tm_min, parts.tm_sec) = (hour, minute, second)
        self.init(seconds: timegm(&parts))
        // timegm takes the 31st of February too; the separators are compared with it.
        guard self.text == text else { return nil }
    }

    package var text: String {
        guard let parts else { return "\(seconds) s" }
        func pad(_ number: Int, _ width: Int = 2) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let day = [pad(Int(parts.tm_year) + 1900, 4), pad(Int(parts.tm_mon) + 1), pad(Int(parts.tm_mday))]
        let time = [parts.tm_hour, parts.tm_min, parts.tm_sec].map { pad(Int($0)) }
        return day.joined(separator: "-") + "T" + time.joined(separator: ":") + "Z"
    }

    /// The day, `2026-11-28`.
    package var day: String { String(text.prefix { $0 != "T" }) }

    private var parts: tm? {
        var (time, parts) = (time_t(seconds), tm())
        return gmtime_r(&time, &parts) == nil ? nil : parts
    }

    /// How long ago it was: `40 s ago`, `12 min ago`, `5 h ago`, `3 d ago`; from two weeks on the day.
    package func age(at now: Timestamp = .now) -> String {
        let (age, overflow) = now.seconds.subtractingReportingOverflow(seconds)
        // The clock may have been set back.
        if overflow || age < 1 { return overflow ? day : "just now" }
        return switch age {
        case ..<60: "\(age) s ago"
        case ..<3600: "\(age / 60) min ago"
        case ..<86400: "\(age / 3600) h ago"
        case ..<(14 * 86400): "\(age / 86400) d ago"
        default: day
        }
    }
}

extension Timestamp: JSONConvertible {
    package var json: JSON { .string(text) }
    package static func from(_ json: JSON) -> Timestamp? { json.text.flatMap { Timestamp($0) } }
}
