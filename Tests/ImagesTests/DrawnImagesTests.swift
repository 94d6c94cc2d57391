import Testing

import Images

@Suite struct DrawnImagesTests {
    @Test func drawingsDependOnSeedAndIndexAlone() {
        for task in [DrawnImages.Task.shapesAndTextures, .animals] {
            let few = DrawnImages(task: task, count: 10, size: 32, seed: 1)
            let many = DrawnImages(task: task, count: 1000, size: 32, seed: 1)
            let other = DrawnImages(task: task, count: 10, size: 32, seed: 2)
            #expect((0..<10).allSatisfy { few.image($0).pixels == many.image($0).pixels })
            #expect((0..<10).allSatisfy { few.image($0).pixels != other.image($0).pixels })
            #expect(Set((0..<60).map { many.image($0).pixels }).count == 60)
        }
    }

    @Test func classesAreBalanced() {
        let shapes = DrawnImages(task: .shapesAndTextures, count: 24, size: 16, seed: 0)
        #expect(shapes.classes.count == 12 && shapes.classes == shapes.classes.sorted())
        #expect((0..<12).allSatisfy { label in (0..<24).count { shapes.label($0) == label } == 2 })
        let animals = DrawnImages(task: .animals, count: 24, size: 16, seed: 0)
        #expect(animals.classes == ["cats", "dogs"])
        #expect((0..<24).count { animals.label($0) == 1 } == 12)
    }

    @Test func theMeanColourDoesNotGiveTheAnimalAway() {
        let animals = DrawnImages(task: .animals, count: 600, size: 24, seed: 7)
        var sums = [[Double]](repeating: [0, 0, 0], count: 2)
        var squares = [[Double]](repeating: [0, 0, 0], count: 2)
        for index in 0..<600 {
            let pixels = animals.image(index).pixels
            for c in 0..<3 {
                let mean = stride(from: c, to: pixels.count, by: 3).reduce(0.0) { $0 + Double(pixels[$1]) } / 576
                sums[animals.label(index)][c] += mean / 300
                squares[animals.label(index)][c] += mean * mean / 300
            }
        }
        for c in 0..<3 {
            let deviation = (squares[0][c] - sums[0][c] * sums[0][c]).squareRoot()
            // Further apart than this and the mean alone would tell them apart more often than 6 times in 10.
            #expect(abs(sums[0][c] - sums[1][c]) < 0.4 * deviation)
        }
    }

    @Test func anySizeCanBeDrawn() {
        for size in [8, 33, 64, 224] {
            let picture = DrawnImages(task: .animals, count: 1, size: size, seed: 0).image(0)
            #expect(picture.width == size && picture.pixels.count == size * size * 3)
        }
    }
}
