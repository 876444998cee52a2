#pragma once
// Is it bad? One reading per steady-state measure with value, limit and state, and one bar for who
// serves.

#include "ui/session/run_facts.h"
#include "ui/session/track_data.h"
#include "ui/widgets/tone.h"

#include <QFrame>

namespace ui {

struct Reading
{
    QString name, value, unit, limit;
    StateWord state;
    bool operator==(const Reading &) const = default;
};

struct ServedShare
{
    QString name;
    Series colour;
    double share = 0; ///< 0..1
    bool operator==(const ServedShare &) const = default;
};

/// The four readings and the shares at the playhead. Pure.
[[nodiscard]] std::vector<Reading> readingsOf(const engine::TimelineSnapshot &snapshot,
                                              const RunFacts &facts, const TrackData &data);
[[nodiscard]] std::vector<ServedShare> servedShares(const TrackData &data, double at);

class IndicatorStrip : public QFrame
{
    Q_OBJECT
public:
    explicit IndicatorStrip(QWidget *parent = nullptr);
    void show(std::vector<Reading> readings, std::vector<ServedShare> served);
    [[nodiscard]] const std::vector<Reading> &readings() const { return m_readings; }

protected:
    void paintEvent(QPaintEvent *event) override;

private:
    void drawServed(QPainter &painter, const QRectF &box) const;
    std::vector<Reading> m_readings;
    std::vector<ServedShare> m_served;
};

} // namespace ui
