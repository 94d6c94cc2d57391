/// The cells to draw so that a screen that shows one frame shows the next, in reading order.
///
/// Both halves of a wide character go together, and what loses its second half is drawn anew.
package struct FrameDifference: Sequence, IteratorProtocol {
    package struct Change {
        package var x: Int
        package var y: Int
        package var cell: Cell
        /// Whether the next cell is the character's second half.
        package var isWide: Bool
    }

    private let old: Frame?
    private let new: Frame
    private let columns: Int
    private let rows: Int
    private var x = 0
    private var y = 0
    private var covered = 0

    /// - Parameter old: what is on the screen; nil, or of another size, where it is blank.
    package init(from old: Frame?, to new: Frame, width: Int, height: Int) {
        self.old = old.flatMap { $0.width == new.width && $0.height == new.height ? $0 : nil }
        self.new = new
        columns = Swift.min(width, new.width)
        rows = Swift.min(height, new.height)
        skipSameRows()
    }

    /// Cells of this row before `x` are drawn in any case: what was drawn last may cover them.
    package mutating func cover(upTo x: Int) { covered = Swift.max(covered, x) }

    package mutating func next() -> Change? {
        while y < rows {
            while x < columns {
                let place = y * new.width + x
                let isWide = x + 1 < columns && new.cells[place + 1].isSecondHalf
                let change = Change(x: x, y: y, cell: new.cells[place], isWide: isWide)
                x += isWide ? 2 : 1
                if change.x < covered || differs(place, isWide, isLast: change.x + 1 >= new.width) { return change }
            }
            (x, y, covered) = (0, y + 1, 0)
            skipSameRows()
        }
        return nil
    }

    private func differs(_ place: Int, _ isWide: Bool, isLast: Bool) -> Bool {
        guard let old else { return !new.cells[place].isBlank || new.cells[place].style != Style() }
        if new.cells[place] != old.cells[place] { return true }
        if isWide { return new.cells[place + 1] != old.cells[place + 1] }
        return !isLast && old.cells[place + 1].isSecondHalf
    }

    /// Most rows are as they were.
    private mutating func skipSameRows() {
        guard let old else { return }
        while y < rows, new.cells[y * new.width..<(y + 1) * new.width] == old.cells[y * new.width..<(y + 1) * new.width]
        {
            y += 1
        }
    }
}
