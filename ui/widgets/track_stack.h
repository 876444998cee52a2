#pragma once
// The four tracks of a run on one time axis, with ruler above and time below; F8 shows them as a
// table. Live and Playback use the same one.

#include "ui/widgets/track_values.h"

#include <QWidget>

class QStackedWidget;
class QTableView;

namespace ui {

class PhaseRuler;
class SeriesModel;
class TimeLabels;

class TrackStack : public QWidget
{
    Q_OBJECT
public:
    explicit TrackStack(QWidget *parent = nullptr);

    void setRightGutter(int width);
    /// `flag` is the word on the playhead line ("now +4.7 s"); empty values paint empty tracks.
    void show(const engine::TimelineSnapshot &snapshot, const RunFacts &facts, const QString &flag,
              const QString &corner);
    [[nodiscard]] const TimeAxis &axis() const { return m_axis; }
    void toggleTable();
    [[nodiscard]] bool showsTable() const;
    [[nodiscard]] const TrackData &data() const { return m_data; }

Q_SIGNALS:
    void seekAsked(double t);
    void zoomAsked(double factor, double aroundT);

private:
    void setCrosshair(std::optional<double> t);
    void repaintTracks();

    std::array<TimeSeriesView *, TrackCount> m_tracks{};
    PhaseRuler *m_ruler = nullptr;
    TimeLabels *m_labels = nullptr;
    QStackedWidget *m_pages = nullptr;
    QTableView *m_table = nullptr;
    SeriesModel *m_model = nullptr;
    TrackData m_data;
    RunFacts m_facts;
    TimeAxis m_axis;
    Overlay m_overlay;
    QString m_flag, m_corner;
    bool m_synthetic = false;
    int m_gutter = 12;
};

} // namespace ui
