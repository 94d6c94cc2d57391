import Network
import TUI

extension LayerTree {
    /// Rows that a search means: those that match where the group above them does not, so that n goes from layer to
    /// layer and not through every tensor of each.
    func matches(_ text: String) -> [Int] {
        let pattern = ParameterPattern(text)
        var hits: [Bool] = []
        hits.reserveCapacity(nodes.count)
        var found: [Int] = []
        // Parents stand before their children.
        for (number, node) in nodes.enumerated() {
            let inherited = node.parent.map { hits[$0] } ?? false
            let hit = inherited || pattern.matches(name(of: number)) || pattern.matches(node.path)
            hits.append(hit)
            if hit, !inherited { found.append(number) }
        }
        return found
    }
}

extension DashboardState {
    /// Keys while the text is typed.
    mutating func typeSearch(_ key: Key) {
        switch dialogs.search.line.handle(key) {
        case .cancelled:
            selection.cursor = dialogs.search.origin
            dialogs.search = DialogState.Search()
            selection.layRows(layers.tree)
        case .submitted, .leftEmpty: dialogs.search.isTyping = false
        case .ignored: break
        case .edited:
            // Each letter starts from where the cursor was, so that a longer text can go back to an earlier row.
            let found = layers.tree.matches(dialogs.search.line.text)
            let origin = dialogs.search.origin
            let start = layers.tree.nodes.firstIndex { $0.path == origin } ?? 0
            if let hit = found.first(where: { $0 >= start }) ?? found.first { selection.reveal(hit, layers.tree) }
        }
    }

    mutating func seek(forward: Bool) {
        let text = dialogs.search.line.text
        let found = layers.tree.matches(text)
        let here = selection.cursorNode ?? 0
        let next = forward ? found.first { $0 > here } ?? found.first : found.last { $0 < here } ?? found.last
        guard let next else { return record(.warning, "nothing matches \(text)") }
        selection.reveal(next, layers.tree)
    }
}
