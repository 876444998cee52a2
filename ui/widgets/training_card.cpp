#include "ui/widgets/training_card.h"

#include "ui/session/training_facts.h"
#include "ui/session/words.h"
#include "ui/theme/theme.h"
#include "ui/widgets/curve_chart.h"
#include "ui/widgets/share_bar.h"

#include <QEvent>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QPushButton>
#include <QSignalBlocker>
#include <QSlider>
#include <QStackedWidget>
#include <QTableWidget>
#include <QVBoxLayout>

#include <set>

namespace ui {

namespace {

constexpr int kSlider = 1000;

const char *roleOf(Tone tone)
{
    switch (tone) {
    case Tone::Ok:
        return "ok";
    case Tone::Warning:
        return "warning";
    case Tone::Danger:
        return "danger";
    case Tone::Accent:
        return "accent";
    case Tone::Plain:
    case Tone::Muted:
        break;
    }
    return "muted";
}

} // namespace

TrainingCard::TrainingCard(QWidget *parent) : QFrame(parent)
{
    setProperty("card", true);
    auto *layout = new QVBoxLayout(this);
    layout->setContentsMargins(16, 12, 16, 12);
    layout->setSpacing(6);
    auto *head = new QHBoxLayout;
    head->setSpacing(10);
    m_title = makeLabel({}, "title", "trainingTitleLabel", this);
    m_about = makeLabel({}, "muted", "trainingAboutLabel", this);
    m_about->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    head->addWidget(m_title);
    head->addWidget(m_about, 1);
    const auto button = [&](const char *name, const QString &text) {
        auto *made = named(new QPushButton(text, this), name);
        head->addWidget(made);
        return made;
    };
    m_pause = button("pauseTrainingButton", tr("Pause"));
    m_resume = button("resumeTrainingButton", tr("Resume"));
    m_stop = button("stopTrainingButton", tr("Stop"));
    setIcons();
    layout->addLayout(head);
    connect(m_pause, &QPushButton::clicked, this, &TrainingCard::pauseAsked);
    connect(m_resume, &QPushButton::clicked, this, &TrainingCard::resumeAsked);
    connect(m_stop, &QPushButton::clicked, this, &TrainingCard::stopAsked);

    auto *row = new QHBoxLayout;
    row->setSpacing(10);
    m_mark = named(new QLabel(this), "trainingStateIcon");
    m_state = makeLabel({}, "muted", "trainingStateLabel", this);
    m_bar = named(new ShareBar(this), "trainingBar");
    m_bar->setFixedSize(160, 4);
    m_progress = makeLabel({}, "strong", "trainingProgressLabel", this);
    m_what = makeLabel({}, "muted", "trainingWhatLabel", this);
    m_what->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    row->addWidget(m_mark);
    row->addWidget(m_state);
    row->addWidget(m_bar);
    row->addWidget(m_progress);
    row->addWidget(m_what, 1);
    layout->addLayout(row);

    m_pages = named(new QStackedWidget(this), "trainingCurves");
    auto *charts = named(new QWidget(m_pages), "trainingCharts");
    auto *both = new QVBoxLayout(charts);
    both->setContentsMargins(0, 0, 0, 0);
    both->setSpacing(0);
    m_loss = new CurveChart("lossChart", tr("Loss"), tr("no loss is told"), charts);
    m_validation =
        new CurveChart("validationChart", tr("Validation"), tr("nothing judged yet"), charts);
    both->addWidget(m_loss, 1);
    both->addWidget(m_validation, 1);
    m_pages->addWidget(charts);
    m_table = named(new QTableWidget(m_pages), "trainingTable");
    m_table->setAccessibleName(tr("Curves as a table"));
    m_table->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_table->verticalHeader()->hide();
    m_table->horizontalHeader()->setDefaultAlignment(Qt::AlignRight | Qt::AlignVCenter);
    m_pages->addWidget(m_table);
    layout->addWidget(m_pages, 1);

    auto *replay = new QHBoxLayout;
    replay->addWidget(makeLabel(tr("Replay"), "muted", "trainingReplayLabel", this));
    m_slider = named(new QSlider(Qt::Horizontal, this), "trainingSlider");
    m_slider->setRange(0, kSlider);
    m_slider->setValue(kSlider);
    m_slider->setAccessibleName(tr("Moment of the recording"));
    replay->addWidget(m_slider, 1);
    m_moment = makeLabel({}, "muted", "trainingMomentLabel", this);
    m_moment->setMinimumWidth(96);
    m_moment->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
    replay->addWidget(m_moment);
    layout->addLayout(replay);
    connect(m_slider, &QSlider::valueChanged, this,
            [this](int value) { Q_EMIT seekAsked(double(value) / kSlider); });

    m_facts = makeLabel({}, "muted", "trainingFactsLabel", this);
    m_facts->setWordWrap(true);
    m_facts->setTextInteractionFlags(Qt::TextSelectableByMouse);
    layout->addWidget(m_facts);
    m_notes = makeLabel({}, "secondary", "trainingNotesLabel", this);
    m_notes->setWordWrap(true);
    layout->addWidget(m_notes);
    clear({});
}

void TrainingCard::setIcons()
{
    m_pause->setIcon(icon(QStringLiteral("pause")));
    m_resume->setIcon(icon(QStringLiteral("play")));
    m_stop->setIcon(icon(QStringLiteral("halt")));
}

void TrainingCard::changeEvent(QEvent *event)
{
    QFrame::changeEvent(event);
    if (event->type() == QEvent::PaletteChange && m_stop)
        setIcons();
}

void TrainingCard::clear(const QString &why)
{
    m_shown.reset();
    m_title->setText(tr("No training chosen"));
    for (auto *label : {m_about, m_what, m_progress, m_facts, m_notes, m_moment})
        label->clear();
    m_mark->clear();
    m_state->setText(why);
    setRole(m_state, "muted");
    m_bar->hide();
    for (auto *button : {m_pause, m_resume, m_stop})
        button->setEnabled(false);
    m_loss->clear();
    m_validation->clear();
    m_table->setRowCount(0);
    m_slider->setEnabled(false);
    const QSignalBlocker blocker(m_slider);
    m_slider->setValue(kSlider);
}

void TrainingCard::showActs(const engine::TrainingSummary &summary)
{
    const auto *view = trainingOf(summary);
    const bool isPaused = view && view->state == engine::TrainingState::Paused;
    m_pause->setEnabled(summary.isAlive && summary.isOurs && !isPaused);
    m_pause->setToolTip(summary.isAlive && !summary.isOurs
                            ? tr("It was started elsewhere; only there it can be paused")
                            : QString());
    m_resume->setEnabled((summary.isAlive && summary.isOurs && isPaused) || summary.canGoOn);
    m_resume->setToolTip(summary.canGoOn ? tr("Goes on from its checkpoint, in a new recording")
                         : !summary.isAlive && view
                                 && view->state != engine::TrainingState::Finished
                             ? tr("There is no checkpoint to go on from")
                             : QString());
    m_stop->setEnabled(summary.isAlive);
}

void TrainingCard::showFacts(const engine::TrainingView &view,
                             const engine::TrainingSummary &summary)
{
    const auto word = trainingWord(summary);
    m_title->setText(qs(view.started.name));
    m_about->setText(aboutText(view));
    m_mark->setPixmap(iconPixmap(word.icon, toneColour(word.tone), 14, devicePixelRatioF()));
    m_state->setText(word.word);
    setRole(m_state, roleOf(word.tone));
    m_bar->setVisible(view.progress.part >= 0 && !view.isOver());
    m_bar->setShare(view.progress.part);
    m_progress->setText(view.isOver() ? QString() : progressText(view));
    m_what->setText(view.isOver() ? qs(view.ended.detail) : qs(view.progress.what));
    QStringList facts;
    if (const auto figure = mainFigure(view))
        facts << tr("%1 %2").arg(figure->name, numberText(figure->value, 4));
    facts << tr("worked %1").arg(spanText(view.progress.worked));
    if (view.started.worked > 0)
        facts << tr("resumed after %1").arg(spanText(view.started.worked));
    const auto threads = view.started.threads;
    facts << tr("%1, %2").arg(qs(view.started.device),
                              threads == 1 ? tr("1 thread") : tr("%1 threads").arg(threads));
    facts << tr("data %1").arg(QFileInfo(qs(view.started.data)).fileName());
    if (view.saves > 0)
        facts << tr("checkpoint at %1").arg(spanText(view.saved.worked));
    if (!view.ended.digest.empty())
        facts << tr("version %1, %2")
                     .arg(qs(view.ended.version), qs(view.ended.digest.substr(0, 12)));
    m_facts->setText(facts.join(QStringLiteral("   ·   ")));
    m_notes->setText(view.notes.empty() ? QString() : qs(view.notes.back()));
    m_notes->setVisible(!view.notes.empty());
}

void TrainingCard::show(const engine::TrainingSummary &summary,
                        std::shared_ptr<const engine::TimelineSnapshot> snapshot)
{
    showActs(summary);
    const auto *view =
        snapshot && snapshot->state->training ? &*snapshot->state->training : trainingOf(summary);
    if (!view)
        return clear(qs(summary.problem));
    showFacts(*view, summary);
    if (!snapshot || !snapshot->state->training || snapshot == m_shown)
        return;
    m_shown = std::move(snapshot);
    m_slider->setEnabled(m_shown->end > 0);
    m_moment->setText(tr("at %1").arg(spanText(toSeconds(m_shown->playhead))));
    m_loss->show(*view, lossCurves(*view));
    m_validation->show(*view, validationCurves(*view));
    if (showsTable())
        fillTable(*view);
}

void TrainingCard::fillTable(const engine::TrainingView &view)
{
    std::set<std::int64_t> steps;
    QStringList heads{tr("Step")};
    std::vector<std::map<std::int64_t, double>> columns;
    for (const auto &[name, curve] : view.curves) {
        steps.insert(curve.steps.begin(), curve.steps.end());
        heads << qs(name);
        columns.push_back(pointsOf(curve));
    }
    m_table->setColumnCount(static_cast<int>(heads.size()));
    m_table->setHorizontalHeaderLabels(heads);
    m_table->setRowCount(static_cast<int>(steps.size()));
    int row = 0;
    const auto put = [this](int at, int column, const QString &text) {
        auto *item = new QTableWidgetItem(text);
        item->setTextAlignment(Qt::AlignRight | Qt::AlignVCenter);
        m_table->setItem(at, column, item);
    };
    for (const auto step : steps) {
        put(row, 0, QString::number(step));
        int column = 1;
        for (const auto &points : columns) {
            const auto at = points.find(step);
            const QString text =
                at == points.end() ? QStringLiteral("–") : numberText(at->second, 4);
            put(row, column++, text);
        }
        ++row;
    }
    m_table->resizeColumnsToContents();
}

void TrainingCard::toggleTable()
{
    m_pages->setCurrentIndex(1 - m_pages->currentIndex());
    if (showsTable() && m_shown)
        fillTable(*m_shown->state->training);
}

bool TrainingCard::showsTable() const
{
    return m_pages->currentIndex() == 1;
}

} // namespace ui
