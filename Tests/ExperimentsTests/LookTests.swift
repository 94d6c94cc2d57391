import Experiments
import Model
import Testing

@Suite struct LookTests {
    @Test func `heat goes from black at the map's least value to yellow at its greatest, over the picture in grey`() {
        let grey = [UInt8](repeating: 100, count: 64 * 64 * 3)
        let look = Look(size: 64, seen: grey, map: ClassActivationMap(side: 2, values: [-3, -3, 1, 1]))
        let picture = look.overlaid
        #expect(picture.width == 64 && picture.height == 64)
        #expect(Array(picture.pixels.prefix(3)) == [50, 50, 52])
        #expect(Array(picture.pixels.suffix(3)) == [176, 178, 132])
        let reds = (0..<64).map { picture.pixels[($0 * 64 + 31) * 3] }
        #expect(reds == reds.sorted())
    }

    @Test func `a map that tells nothing apart leaves the picture as it is`() {
        let bytes = (0..<32 * 32 * 3).map { UInt8($0 & 255) }
        let look = Look(size: 32, seen: bytes, map: ClassActivationMap(side: 1, values: [5]))
        #expect(look.overlaid.pixels == bytes)
    }
}
