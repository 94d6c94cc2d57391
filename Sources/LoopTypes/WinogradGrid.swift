/// Where a map's 4×4 tiles lie: rows of tiles are counted through all images, and a row's tiles lie side by side.
package struct WinogradGrid: Sendable {
    package let images: Int
    package let height: Int
    package let width: Int

    package init(images: Int, height: Int, width: Int) {
        self.images = images
        self.height = height
        self.width = width
    }

    package var tileRowsPerImage: Int { (height + 3) / 4 }
    package var tileRows: Int { images * tileRowsPerImage }
    package var tileColumns: Int { (width + 3) / 4 }
    package var tiles: Int { tileRows * tileColumns }

    package func image(ofRow row: Int) -> Int { row / tileRowsPerImage }
    /// The first row of pixels of a tile row.
    package func top(ofRow row: Int) -> Int { row % tileRowsPerImage * 4 }

    /// Channels that go through both halves of a transform together: enough neighbouring floats for the prefetcher, few
    /// enough that the lines stay in the second-level cache.
    package static let sliceChannels = 64

    /// Room for the vertical half of a tile row: six rows of a slice of channels.
    package var linesCount: Int { 6 * linePitch(Self.sliceChannels) }

    package func linePitch(_ channels: Int) -> Int { (tileColumns * 4 + 2) * channels + 16 }
}

/// Where the 36 transformed values of [tile][channel] go: value p of a tile and channel is at
/// p · pitch + tile · tilePitch + channel.
package struct WinogradPlanes: Sendable {
    /// Products for one pair of channels.
    package static let products = 36

    package let tilePitch: Int
    package let pitch: Int
    package var count: Int { Self.products * pitch }

    /// An odd number of cache lines apart, so that a tile's 36 values do not all fall into one set of the cache.
    package init(tiles: Int, tilePitch: Int) {
        self.tilePitch = tilePitch
        let lines = (tiles * tilePitch + 15) / 16
        pitch = 16 * (lines | 1)
    }
}
