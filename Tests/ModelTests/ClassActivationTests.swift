import Foundation
import Kernels
import Model
import Testing

/// PyTorch's maps, from Fixtures/generate_maps.py.
struct MapCase: Decodable, CustomTestStringConvertible {
    struct Outcome: Decodable {
        /// `[pictures, classes, side, side]`.
        let maps: [Double]
        let logits: [Double]
    }

    let size: Int
    let classes: Int
    let pictures: Int
    let images: Int
    let exact: Outcome
    let single: Outcome

    var testDescription: String { "\(size) px" }

    static let all: [MapCase] = {
        guard let url = Bundle.module.url(forResource: "maps", withExtension: "json", subdirectory: "Fixtures"),
            let data = try? Data(contentsOf: url), let cases = try? JSONDecoder().decode([MapCase].self, from: data)
        else { return [] }
        return cases
    }()
}

@Suite struct ClassActivationTests {
    @Test func `the fixture is there`() { #expect(MapCase.all.map(\.size) == [64, 75, 224]) }

    private func look(_ model: ResNet18, _ example: MapCase) -> (logits: [Float], maps: [[ClassActivationMap]]) {
        let images = fixtureImages(example.images, batch: example.pictures, size: example.size)
        return model.evaluateWithMaps(images: images, count: example.pictures, imageSize: example.size) { _, _ in
            Array(0..<example.classes)
        }
    }

    @Test(arguments: MapCase.all)
    func `maps are PyTorch's in float64 and in float32, within 1e-5`(_ example: MapCase) throws {
        let (_, maps) = look(try fixtureModel(classes: example.classes), example)
        let ours = maps.flatMap { $0.flatMap(\.values) }.map(Double.init)
        #expect(maps.allSatisfy { $0.allSatisfy { $0.side == (example.size + 31) / 32 } })
        for theirs in [example.exact.maps, example.single.maps] {
            try #require(ours.count == theirs.count)
            let largest = theirs.map(abs).max() ?? 0
            let error = zip(ours, theirs).map { abs($0 - $1) }.max() ?? .infinity
            #expect(error < 1e-5 * largest, "\(error / largest)")
        }
    }

    @Test(arguments: MapCase.all)
    func `a map's mean and the class's bias are the logit, which is that of evaluate`(_ example: MapCase) throws {
        let model = try fixtureModel(classes: example.classes)
        let (logits, maps) = look(model, example)
        let images = fixtureImages(example.images, batch: example.pictures, size: example.size)
        #expect(
            logits == model.evaluate(cut: 0, features: images, count: example.pictures, imageSize: example.size))
        let bias = model.export("fc.bias")
        let largest = logits.map(abs).max() ?? 0
        for (picture, ofPicture) in maps.enumerated() {
            for (label, map) in ofPicture.enumerated() {
                let mean = map.values.reduce(0.0) { $0 + Double($1) } / Double(map.values.count)
                let logit = mean + Double(bias[label])
                #expect(abs(logit - Double(logits[picture * example.classes + label])) < 2e-6 * Double(largest))
            }
        }
    }

    @Test func `a picture's map does not depend on the pictures beside it`() throws {
        let model = try fixtureModel(classes: 3)
        let images = fixtureImages(batch: 20, size: 64)
        let together = model.evaluateWithMaps(images: images, count: 20, imageSize: 64) { _, _ in [2, 0] }
        for picture in [0, 7, 19] {
            let alone = Array(images[picture * 64 * 64 * 3..<(picture + 1) * 64 * 64 * 3])
            let single = model.evaluateWithMaps(images: alone, count: 1, imageSize: 64) { place, logits in
                #expect(place == 0 && logits.count == 3)
                return [2, 0]
            }
            #expect(single.maps[0] == together.maps[picture])
        }
        // Chunks of inference are smaller than these pictures are many.
        let many = fixtureImages(batch: 3, size: 1024)
        let large = model.evaluateWithMaps(images: many, count: 3, imageSize: 1024) { place, _ in [place] }
        #expect(large.maps.map { $0[0].side } == [32, 32, 32])
        #expect(large.maps[0][0].rows.count == 32 && large.maps[0][0].rows[31].count == 32)
        let last = Array(many[2 * 1024 * 1024 * 3..<3 * 1024 * 1024 * 3])
        #expect(
            model.evaluateWithMaps(images: last, count: 1, imageSize: 1024) { _, _ in [2] }.maps[0] == large.maps[2])
    }
}
