/// A step that something happened at, as charts mark it.
package struct ChartMark: Sendable, Equatable {
    package var step: Int
    package var label: String

    package init(step: Int, label: String) {
        self.step = step
        self.label = label
    }
}
