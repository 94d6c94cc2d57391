import Foundation
import Support
import Testing

@Suite struct TimestampTests {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("2026-11-28T05:12:20Z", 1_795_842_740), ("2024-02-29T23:59:59Z", 1_709_251_199),
        ("1969-12-31T23:59:59Z", -1), ("0001-01-01T00:00:00Z", -62_135_596_800),
        ("9999-12-31T23:59:59Z", 253_402_300_799),
    ]) func `a moment is written and read as ISO 8601`(_ text: String, _ seconds: Int) {
        #expect(Timestamp(seconds: seconds).text == text)
        #expect(Timestamp(text)?.seconds == seconds)
        #expect(Timestamp(json: .string(text))?.json == .string(text))
    }

    @Test(arguments: [
        "", "Z", "2026-11-28", "2026-11-28T05:12:20", "2026-11-28 05:12:20Z", "2026-11-28T05:12:20z",
        "2026-02-31T00:00:00Z", "2023-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
        "2026-11-28T24:00:00Z", "2026-11-28T05:60:20Z", "2026-11-28T05:12:61Z", "-026-11-28T05:12:20Z",
        "2026-11-28T05:12:2٠", "2026-11-28T+5:12:20Z", "12026-11-28T05:12:20Z", "2026-11-28T05:12:20ZZ",
    ]) func `what is no moment of a calendar is refused`(_ text: String) {
        #expect(Timestamp(text) == nil)
        #expect(Timestamp(json: .string(text)) == nil)
    }

    @Test(arguments: [
        (-5, "just now"), (0, "just now"), (1, "1 s ago"), (59, "59 s ago"), (60, "1 min ago"), (3599, "59 min ago"),
        (3600, "1 h ago"), (86_399, "23 h ago"), (86_400, "1 d ago"), (14 * 86_400 - 1, "13 d ago"),
        (14 * 86_400, "2026-11-14"),
    ]) func `how long ago is said in words`(_ age: Int, _ text: String) {
        let now = Timestamp(seconds: 1_795_842_740)
        #expect(Timestamp(seconds: now.seconds - age).age(at: now) == text)
    }

    @Test func `no number of seconds is too large to be written`() {
        for seconds in [Int.min, -1 << 55, 67_767_976_233_532_799, 1 << 60, .max] {
            #expect(!Timestamp(seconds: seconds).text.isEmpty && !Timestamp(seconds: seconds).age().isEmpty)
        }
    }
}
