#pragma once
// The whole recording in one strip: p99 as a silhouette, where events lie densely, faults, alerts,
// how the users fared (before, outside, steady again), how far the file is verified, the visible
// window, the loop and the playhead. A drag moves the playhead, with Shift the window.

#include "ui/session/run_facts.h"
#include "ui/widgets/time_axis.h"

#include <QPixmap>
#include <QWidget>

namespace ui {

class Minimap : public QWidget
{
    Q_OBJECT
public:
    explicit Minimap(QWidget *parent = nullptr);
    void setRightGutter(int width);
    /// `density`: events per column of the whole recording, empty = not shown.
    void show(std::shared_ptr<const engine::TimelineSnapshot> snapshot, const RunFacts &facts,
              const std::vector<std::uint32_t> &density = {});

Q_SIGNALS:
    void seekAsked(double t);
    void windowAsked(double from); ///< new left edge, same width

protected:
    void paintEvent(QPaintEvent *event) override;
    void mousePressEvent(QMouseEvent *event) override;
    void mouseMoveEvent(QMouseEvent *event) override;
    void changeEvent(QEvent *event) override;

private:
    struct Region
    {
        double from, to;
        QColor colour;
    };
    [[nodiscard]] QRectF strip() const;
    [[nodiscard]] std::vector<Region> regions() const;
    void renderStill();
    void drawSilhouette(QPainter &painter, const QRectF &area) const;
    void drawDensity(QPainter &painter, const QRectF &area) const;
    void drawWhatHappened(QPainter &painter, const QRectF &area) const;

    std::shared_ptr<const engine::TimelineSnapshot> m_snapshot;
    TimeAxis m_axis; ///< of the whole recording
    RunFacts m_facts;
    std::vector<std::uint32_t> m_density;
    QPixmap m_still; ///< all but window, loop and playhead
    std::int64_t m_drawnEnd = -1, m_drawnVerified = -1;
    std::uint64_t m_drawnEvents = 0;
    std::size_t m_drawnBands = 0;
    QSize m_drawnSize;
    double m_grab = 0;
    bool m_dragsWindow = false;
    int m_gutter = 12;
};

} // namespace ui
