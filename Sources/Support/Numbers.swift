import Foundation

/// Numbers as the dashboard and the commands write them: short, of steady width. What frames use does without Foundation's
/// formats, since every frame writes hundreds.
package enum Numbers {
    /// `128`, `9.4 K`, `148 K`, `2.1 M`.
    package static func count(_ value: Int) -> String {
        scaled(Double(value), step: 1000, units: ["", " K", " M", " G", " T"])
    }

    /// `512 B`, `200 KiB`, `1.5 MiB`.
    package static func bytes(_ value: Int) -> String {
        scaled(Double(value), step: 1024, units: [" B", " KiB", " MiB", " GiB", " TiB"])
    }

    private static func scaled(_ value: Double, step: Double, units: [String]) -> String {
        var value = max(0, value)
        var unit = 0
        // 999.5 K would be written "1000 K", so it already counts as 1.0 M.
        while unit + 1 < units.count, value >= (unit == 0 ? step : step - 0.5) {
            value /= step
            unit += 1
        }
        if unit == 0 || value >= 99.95 { return "\(whole(value.rounded()))\(units[unit])" }
        return fixed(value, 1) + units[unit]
    }

    /// A fixed number of places after the point.
    package static func fixed(_ value: Double, _ places: Int) -> String {
        guard value.isFinite else { return value.isNaN ? "nan" : value < 0 ? "-inf" : "inf" }
        if abs(value) >= 1e15 { return scientific(value) }
        let power = power10(places)
        let scaled = (abs(value) * power).rounded()
        guard scaled < 9e18 else { return scientific(value) }
        let sign = value < 0 && scaled > 0 ? "-" : ""
        let number = Int(scaled)
        if places == 0 { return sign + String(number) }
        let unit = Int(power)
        let fraction = String(number % unit)
        return sign + String(number / unit) + "." + String(repeating: "0", count: places - fraction.count) + fraction
    }

    /// `1.2e-2`.
    package static func scientific(_ value: Double, places: Int = 1) -> String {
        guard value.isFinite else { return value.isNaN ? "nan" : value < 0 ? "-inf" : "inf" }
        if value == 0 { return "0" }
        var exponent = Int(log10Floor(abs(value)))
        var mantissa = abs(value) / power10(exponent)
        let power = power10(places)
        if (mantissa * power).rounded() >= 10 * power {
            mantissa /= 10
            exponent += 1
        }
        return (value < 0 ? "-" : "") + fixed(mantissa, places) + "e\(exponent)"
    }

    /// Three digits that mean something, plain where that is short: `0.0572`, `1.90`, `128`, `5.7e-5`.
    package static func norm(_ value: Double) -> String {
        guard value.isFinite, value != 0 else { return scientific(value) }
        switch abs(value) {
        case 0.00995..<0.0995: return fixed(value, 4)
        case 0.0995..<0.9995: return fixed(value, 3)
        case 0.9995..<9.995: return fixed(value, 2)
        case 9.995..<99.95: return fixed(value, 1)
        case 99.95..<9999.5: return fixed(value, 0)
        default: return scientific(value)
        }
    }

    /// A learning rate: `1e-3`, `2.5e-4`, `0.1`.
    package static func rate(_ value: Double) -> String {
        guard value.isFinite, value > 0 else { return fixed(value, 0) }
        if value >= 0.1, value < 1000 { return trimmed(fixed(value, 3)) }
        let text = scientific(value, places: 2)
        guard let e = text.firstIndex(of: "e") else { return text }
        return trimmed(String(text[..<e])) + text[e...]
    }

    /// `97.5%`.
    package static func percent(_ share: Double, places: Int = 1) -> String { fixed(share * 100, places) + "%" }

    /// `93.8 %`, as commands print it.
    package static func spacedPercent(_ share: Double) -> String { fixed(share * 100, 1) + " %" }

    /// `12.3 s`, `104 s`.
    package static func seconds(_ value: Double) -> String { fixed(value, value < 100 ? 1 : 0) + " s" }

    /// Four significant digits, from 100 on whole: `0.6931`, `31.2`, `1.5e-05`, `104`.
    package static func short(_ value: Double) -> String {
        value.isFinite && abs(value) < 100 ? String(format: "%.4g", value) : fixed(value, 0)
    }

    /// `0:42`, `2:13`, `1:02:09`, `3 d 4 h`.
    package static func duration(seconds: Double) -> String {
        guard seconds.isFinite, seconds >= 0 else { return "-" }
        let total = whole(min(seconds, 1e12).rounded())
        let pad = { (n: Int) in n < 10 ? "0\(n)" : "\(n)" }
        if total >= 86400 { return "\(total / 86400) d \(total % 86400 / 3600) h" }
        if total >= 3600 { return "\(total / 3600):\(pad(total % 3600 / 60)):\(pad(total % 60))" }
        return "\(total / 60):\(pad(total % 60))"
    }

    /// Images per second: three digits that mean something.
    package static func speed(_ value: Double) -> String {
        guard value.isFinite else { return "-" }
        return value < 9.95 ? fixed(value, 1) : fixed(value, 0)
    }

    /// With all the digits that the type may need.
    static func hexadecimal(_ value: some FixedWidthInteger & UnsignedInteger) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: value.bitWidth / 4 - digits.count) + digits
    }

    package static func whole(_ value: Double) -> Int { value.isFinite ? Int(max(-9e15, min(9e15, value))) : 0 }

    package static func power10(_ exponent: Int) -> Double {
        var result = 1.0
        for _ in 0..<min(400, abs(exponent)) { result *= 10 }
        return exponent < 0 ? 1 / result : result
    }

    /// The exponent of the leading digit; exact at powers of ten, where a logarithm may be one off.
    package static func log10Floor(_ value: Double) -> Double {
        guard value > 0, value.isFinite else { return 0 }
        var exponent = log10(value).rounded(.down)
        if power10(Int(exponent) + 1) <= value { exponent += 1 }
        if power10(Int(exponent)) > value { exponent -= 1 }
        return max(-307, exponent)
    }

    private static func trimmed(_ text: String) -> String {
        guard text.contains(".") else { return text }
        var text = text
        while text.last == "0" { text.removeLast() }
        if text.last == "." { text.removeLast() }
        return text
    }
}

/// For modules that do without Foundation.
package func logarithm10(_ value: Double) -> Double { log10(value) }
