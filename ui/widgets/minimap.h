#pragma once
// The whole recording in one strip: p99 as a silhouette, faults, alerts, the visible window and the
// playhead; both can be dragged.

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
    void show(std::shared_ptr<const engine::TimelineSnapshot> snapshot, const RunFacts &facts);

Q_SIGNALS:
    void seekAsked(double t);
    void windowAsked(double from); ///< new left edge, same width

protected:
    void paintEvent(QPaintEvent *event) override;
    void mousePressEvent(QMouseEvent *event) override;
    void mouseMoveEvent(QMouseEvent *event) override;
    void changeEvent(QEvent *event) override;

private:
    [[nodiscard]] QRectF strip() const;
    void renderSilhouette();

    std::shared_ptr<const engine::TimelineSnapshot> m_snapshot;
    TimeAxis m_axis; ///< of the whole recording
    RunFacts m_facts;
    QPixmap m_silhouette;
    std::int64_t m_drawnEnd = -1;
    QSize m_drawnSize;
    double m_grab = 0;
    bool m_dragsWindow = false;
    int m_gutter = 12;
};

} // namespace ui
