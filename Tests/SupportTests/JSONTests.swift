import Foundation
import Support
import Testing

@Suite struct JSONTests {
    private func parse(_ text: String) -> JSON? { JSON.parse(Data(text.utf8)) }

    @Test func `what is written is read again, keys in their order`() throws {
        let value = JSON.object([
            ("z", .array([.integer(1), .number(0.25), .null, .bool(true)])),
            ("a", .string("a \"b\" \\ \u{1} \u{7F} ü\n")),
        ])
        #expect(parse(value.line) == value)
        #expect(parse(value.pretty) == value)
        #expect(value.line.contains("\\u0001 \\u007f"))
    }

    @Test func `whole numbers that a Double holds exactly are integers, larger ones are not`() {
        #expect(parse("1e3")?.int == 1000)
        #expect(parse("-2.0")?.int == -2)
        #expect(parse("9007199254740993")?.int == nil)
        #expect(parse("9007199254740993")?.double == 0x1p53)
        #expect(parse("-9223372036854775808")?.double == -0x1p63)
    }

    @Test(arguments: [
        "", "{", "[1,]", "{\"a\":1,\"a\":2}", "{\"a\" 1}", "nul", "1-2", "--1", "+1", ".5", "1e999", "\"a", "\"\\q\"",
        "\"\u{1}\"", "1 2", "inf", "{\"a\":1", String(repeating: "[", count: 100_000),
    ])
    func `what is not JSON is refused`(_ text: String) {
        #expect(parse(text) == nil)
    }

    @Test func `escapes become the characters that they name, half a surrogate the replacement character`() {
        #expect(parse(#""\u00fc\ud83d\ude00\n\/""#)?.text == "ü😀\n/")
        #expect(parse(#""\ud83d!""#)?.text == "\u{FFFD}!")
    }
}
