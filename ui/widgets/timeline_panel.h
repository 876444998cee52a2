#pragma once
// The card under the tracks: transport, lanes and minimap, on the same axis as the tracks.

#include "ui/session/run_facts.h"
#include "ui/widgets/transport_bar.h"

#include <QFrame>

namespace ui {

class LanesView;
class Minimap;

class TimelinePanel : public QFrame
{
    Q_OBJECT
public:
    explicit TimelinePanel(QWidget *parent = nullptr);
    void setRightGutter(int width);
    /// `density`: events per column of the whole recording, empty = not shown.
    void show(const std::shared_ptr<const engine::TimelineSnapshot> &snapshot,
              const RunFacts &facts, const std::vector<std::uint32_t> &density = {});
    [[nodiscard]] TransportBar &transport() { return *m_transport; }

Q_SIGNALS:
    void seekAsked(double t);
    void windowAsked(double from);

private:
    TransportBar *m_transport = nullptr;
    LanesView *m_lanes = nullptr;
    Minimap *m_minimap = nullptr;
};

/// detect, mitigate, RTO, failed and late requests, as known so far.
[[nodiscard]] std::vector<TransportBar::Chip>
measureChips(const engine::Verdict &verdict, const engine::Marks &marks, double now, bool ended);

} // namespace ui
