#pragma once
// What happened, on the time axis of the tracks: load, faults, responses, alerts, operator.

#include "ui/session/run_facts.h"
#include "ui/widgets/time_axis.h"

#include <QWidget>

namespace ui {

class LanesView : public QWidget
{
    Q_OBJECT
public:
    explicit LanesView(QWidget *parent = nullptr);
    void setRightGutter(int width);
    void show(const engine::TimelineSnapshot &snapshot, const RunFacts &facts);

Q_SIGNALS:
    void seekAsked(double t);

protected:
    void paintEvent(QPaintEvent *event) override;
    void mousePressEvent(QMouseEvent *event) override;
    void mouseMoveEvent(QMouseEvent *event) override;
    bool event(QEvent *event) override;

private:
    enum Lane { LoadLane, FaultLane, ResponseLane, AlertLane, OperatorLane, LaneCount };
    struct Item
    {
        Lane lane;
        int row = 0;
        double from = 0, to = 0; ///< equal for an instant
        QString text, icon, tip;
        QColor colour;
        bool open = false;
    };
    void collect(const engine::TimelineSnapshot &snapshot);
    void layOutRows();
    /// Where the next item of the same lane and row begins: as far as a text may run.
    [[nodiscard]] double roomTo(std::size_t i) const;
    void drawBar(QPainter &painter, const Item &item, double textTo) const;
    void drawInstant(QPainter &painter, const Item &item, double textTo) const;
    [[nodiscard]] double laneTop(int lane) const;
    [[nodiscard]] QRectF box(const Item &item) const;

    TimeAxis m_axis;
    RunFacts m_facts;
    std::vector<Item> m_items;
    std::shared_ptr<const engine::RunState> m_collected; ///< that m_items are of
    double m_playhead = 0;
    int m_gutter = 12, m_responseRows = 2;
};

} // namespace ui
