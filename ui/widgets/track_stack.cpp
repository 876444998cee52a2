#include "ui/widgets/track_stack.h"

#include "ui/models/series_model.h"
#include "ui/theme/theme.h"
#include "ui/widgets/time_ruler.h"

#include <QHeaderView>
#include <QStackedWidget>
#include <QTableView>
#include <QVBoxLayout>

namespace ui {

TrackStack::TrackStack(QWidget *parent) : QWidget(parent)
{
    m_pages = named(new QStackedWidget(this), "trackPages");
    auto *outer = new QVBoxLayout(this);
    outer->setContentsMargins(0, 0, 0, 0);
    outer->addWidget(m_pages);

    auto *charts = named(new QWidget(this), "trackCharts");
    auto *layout = new QVBoxLayout(charts);
    layout->setContentsMargins(0, 6, 0, 0);
    layout->setSpacing(0);
    m_ruler = named(new PhaseRuler(charts), "phaseRuler");
    layout->addWidget(m_ruler);
    const auto specs = trackSpecs();
    for (std::size_t i = 0; i < TrackCount; ++i) {
        m_tracks[i] = new TimeSeriesView(specs[i], charts);
        m_tracks[i]->setMinimumHeight(54);
        layout->addWidget(m_tracks[i], i == LatencyTrack ? 11 : 10);
        auto *track = m_tracks[i];
        connect(track, &TimeSeriesView::pressedAt, this, &TrackStack::seekAsked);
        connect(track, &TimeSeriesView::draggedTo, this, &TrackStack::seekAsked);
        connect(track, &TimeSeriesView::zoomed, this, &TrackStack::zoomAsked);
        connect(track, &TimeSeriesView::hoveredAt, this, [this](double t) { setCrosshair(t); });
        connect(track, &TimeSeriesView::left, this, [this] { setCrosshair(std::nullopt); });
    }
    m_labels = named(new TimeLabels(charts), "timeLabels");
    layout->addWidget(m_labels);
    m_pages->addWidget(charts);

    m_model = new SeriesModel(this);
    m_table = named(new QTableView(this), "seriesTable");
    m_table->setAccessibleName(tr("Tracks as a table"));
    m_table->setModel(m_model);
    m_table->verticalHeader()->hide();
    m_table->verticalHeader()->setDefaultSectionSize(24);
    m_table->horizontalHeader()->setSectionResizeMode(QHeaderView::Stretch);
    m_table->horizontalHeader()->setDefaultAlignment(Qt::AlignRight | Qt::AlignVCenter);
    m_table->setShowGrid(false);
    m_table->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_pages->addWidget(m_table);
}

void TrackStack::setRightGutter(int width)
{
    m_gutter = width;
    m_overlay.valuesInGutter = width > 40;
    for (auto *track : m_tracks)
        track->setRightGutter(width);
}

void TrackStack::show(const engine::TimelineSnapshot &snapshot, const RunFacts &facts,
                      const QString &flag, const QString &corner)
{
    m_data = trackData(snapshot);
    m_facts = facts;
    m_flag = flag;
    m_corner = corner;
    m_synthetic = snapshot.state->run.synthetic;
    m_overlay.playhead = toSeconds(snapshot.playhead);
    m_axis.from = m_data.from;
    m_axis.to = std::max(m_data.from + 1, m_data.to);
    m_axis.zero = facts.zero;
    if (showsTable())
        m_model->show(m_data, facts.zero);
    else
        repaintTracks();
}

void TrackStack::repaintTracks()
{
    m_axis.left = kPlotLeft;
    m_axis.right = m_tracks[0]->width() - m_gutter;
    m_overlay.bands = m_facts.bands;
    m_overlay.marks = m_facts.marks;
    m_overlay.loopFrom = m_facts.loopFrom;
    m_overlay.loopTo = m_facts.loopTo;
    auto values = trackValues(m_data, m_facts, m_overlay.playhead.value_or(0), m_synthetic);
    for (std::size_t i = 0; i < TrackCount; ++i)
        m_tracks[i]->show(m_axis, std::move(values[i]), m_overlay);
    m_ruler->show(m_axis, m_facts.marks, m_overlay.playhead.value_or(0), m_flag, m_corner);
    m_labels->show(m_axis, m_facts.zeroIsInject);
}

void TrackStack::setCrosshair(std::optional<double> t)
{
    if (m_overlay.crosshair == t)
        return;
    m_overlay.crosshair = t;
    repaintTracks();
}

void TrackStack::toggleTable()
{
    const bool table = !showsTable();
    m_pages->setCurrentIndex(table ? 1 : 0);
    if (table) {
        m_model->show(m_data, m_facts.zero);
        m_table->setFocus();
    } else {
        repaintTracks();
        m_tracks[0]->setFocus();
    }
}

bool TrackStack::showsTable() const
{
    return m_pages->currentIndex() == 1;
}

} // namespace ui
