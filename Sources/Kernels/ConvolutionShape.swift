/// The shape of a square convolution without bias, with padding kernel / 2.
package struct ConvolutionShape: Sendable, Hashable {
    package let inputs: Int
    package let outputs: Int
    package let kernel: Int
    package let stride: Int
    package var padding: Int { kernel / 2 }
    package var weightCount: Int { kernel * kernel * inputs * outputs }

    package init(inputs: Int, outputs: Int, kernel: Int, stride: Int) {
        self.inputs = inputs
        self.outputs = outputs
        self.kernel = kernel
        self.stride = stride
    }

    /// Size of the output along an axis.
    package func output(_ size: Int) -> Int { (size + 2 * padding - kernel) / stride + 1 }
}

/// Pixels of [images, height, width] in blocks that become the rows of one product: a band of rows of one image, or a few
/// whole images where they are small. A block's size follows from height and width alone and the last one is padded to it,
/// so that an image's numbers do not depend on the batch that it is in.
struct PixelBlocks: Sendable {
    let images: Int
    let height: Int
    let width: Int
    private let imagesInBlock: Int
    private let rowsInBlock: Int
    /// Rows of a product from one image to the next.
    let imagePitch: Int

    /// Gathered, these many rows and a matrix of weights share a second-level cache, and packing the weights costs a
    /// hundredth of the product.
    private static let pixels = 448
    /// More would make a single image cost as much as a batch.
    private static let largestGroup = 8

    /// `alignment` is what each image's first row in a product must be a multiple of.
    init(images: Int, height: Int, width: Int, alignment: Int = 1) {
        (self.images, self.height, self.width) = (images, height, width)
        let plane = height * width
        if plane > Self.pixels {
            let bands = (plane + Self.pixels - 1) / Self.pixels
            rowsInBlock = (height + bands - 1) / bands
            imagesInBlock = 1
        } else {
            rowsInBlock = height
            imagesInBlock = min(Self.largestGroup, Self.pixels / plane)
        }
        imagePitch = (rowsInBlock * width + alignment - 1) / alignment * alignment
    }

    /// Of every block, the padding included.
    var pixelsInBlock: Int { imagesInBlock * imagePitch }
    private var bands: Int { (height + rowsInBlock - 1) / rowsInBlock }
    var count: Int { (images + imagesInBlock - 1) / imagesInBlock * bands }

    /// Parts of equal size that a block's product falls into: as many as make each so small that OpenBLAS's kernels for
    /// small matrices take it, which pack nothing (conv1: 116 GFLOPS instead of 100); one where that would leave few rows.
    func parts(operationsInRow: Int) -> Int {
        let most = BLAS.smallProduct / operationsInRow
        guard BLAS.hasSmallProducts, most >= 48,
            let parts = (1...pixelsInBlock).first(where: {
                pixelsInBlock % $0 == 0 && pixelsInBlock / $0 <= most
            }), pixelsInBlock / parts >= 32
        else { return 1 }
        return parts
    }

    /// The images and the rows of each that a block holds.
    subscript(block: Int) -> (images: Range<Int>, rows: Range<Int>) {
        let (group, band) = (block / bands * imagesInBlock, block % bands * rowsInBlock)
        return (group..<min(images, group + imagesInBlock), band..<min(height, band + rowsInBlock))
    }

    /// What of `map`, [images, height, width, channels], a block begins at, in pixels, and how many it holds.
    func pixels(_ block: Int) -> Range<Int> {
        let (images, rows) = self[block]
        let first = (images.lowerBound * height + rows.lowerBound) * width
        return first..<(first + images.count * rows.count * width)
    }
}
