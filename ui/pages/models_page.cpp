#include "ui/pages/models_page.h"

#include "ui/models/cell_delegate.h"
#include "ui/models/registry_model.h"
#include "ui/models/retrain_model.h"
#include "ui/session/background.h"
#include "ui/session/session.h"
#include "ui/session/track_data.h"
#include "ui/theme/theme.h"
#include "ui/widgets/stage_strip.h"
#include "ui/widgets/time_series_view.h"

#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QPushButton>
#include <QTableView>
#include <QVBoxLayout>

#include <cmath>

namespace ui {

namespace {

constexpr double kSeconds = 120; ///< of the golden chart

QFrame *card(const char *name, QWidget *parent)
{
    auto *frame = named(new QFrame(parent), name);
    frame->setProperty("card", true);
    return frame;
}

std::vector<double> valuesOf(const engine::TimelineSnapshot &snapshot, std::string_view name,
                             std::size_t size)
{
    std::vector<double> values(size, kGap);
    if (const auto *bins = findSeries(snapshot, name))
        for (std::size_t i = 0; i < std::min(size, bins->mean.size()); ++i)
            values[i] = static_cast<double>(bins->mean[i]);
    return values;
}

} // namespace

ModelsPage::ModelsPage(Session &session, QWidget *parent) : Page(parent), m_session(session)
{
    auto *layout = new QVBoxLayout(this);
    layout->setContentsMargins(12, 8, 12, 8);
    layout->setSpacing(8);
    layout->addWidget(buildTraining(), 52);
    layout->addWidget(buildRegistry(), 48);
    showActs();
}

QWidget *ModelsPage::buildTraining()
{
    auto *frame = card("trainingCard", this);
    auto *layout = new QHBoxLayout(frame);
    layout->setContentsMargins(8, 12, 8, 8);
    layout->setSpacing(8);
    auto *left = new QVBoxLayout;
    auto *head = new QHBoxLayout;
    head->setContentsMargins(8, 0, 8, 0);
    head->addWidget(makeLabel(tr("Training"), "title", "trainingTitleLabel", frame));
    m_trainingState = makeLabel({}, "muted", "trainingStateLabel", frame);
    head->addWidget(m_trainingState, 1);
    m_retrain = named(new QPushButton(tr("Train again"), frame), "retrainButton");
    m_retrain->setProperty("kind", QStringLiteral("primary"));
    m_retrain->setToolTip(tr("Trains on the shop's history at low priority, evaluates, signs, "
                             "shows the model to a quarter of the shoppers, promotes it"));
    connect(m_retrain, &QPushButton::clicked, this, &ModelsPage::retrainAsked);
    head->addWidget(m_retrain);
    left->addLayout(head);
    m_steps = new RetrainModel(this);
    m_stepTable = named(new QTableView(frame), "retrainTable");
    m_stepTable->setAccessibleName(tr("Steps of the newest training"));
    m_stepTable->setModel(m_steps);
    setUpTable(m_stepTable, 36);
    m_stepTable->horizontalHeader()->resizeSection(RetrainModel::Since, 80);
    m_stepTable->horizontalHeader()->setSectionResizeMode(RetrainModel::Step, QHeaderView::Stretch);
    m_stepsEmpty = makeLabel(tr("No training in this recording yet. A drill that needs one starts "
                                "it as a response; or train again now, while the shop serves."),
                             "muted", "retrainEmptyLabel", frame);
    m_stepsEmpty->setWordWrap(true);
    m_stepsEmpty->setContentsMargins(8, 8, 8, 8);
    left->addWidget(m_stepsEmpty);
    left->addWidget(m_stepTable, 1);
    left->addStretch();
    layout->addLayout(left, 56);
    auto *right = new QVBoxLayout;
    right->setSpacing(4);
    m_goldenText = makeLabel({}, "muted", "goldenLabel", frame);
    m_goldenText->setWordWrap(true);
    m_golden = named(new TimeSeriesView({tr("Golden set"),
                                         {},
                                         QStringLiteral("goldenChart"),
                                         false,
                                         false,
                                         false,
                                         {{tr("quality"), Quality, 1.6, 0, 3},
                                          {tr("95 % up to"), P50, 1.2, 0, 3}}},
                                        frame),
                     "goldenChart");
    m_golden->setMinimumHeight(180);
    right->addWidget(m_golden, 1);
    right->addWidget(m_goldenText);
    layout->addLayout(right, 44);
    m_stepTable->hide();
    return frame;
}

QWidget *ModelsPage::buildRegistry()
{
    auto *frame = card("registryCard", this);
    auto *layout = new QVBoxLayout(frame);
    layout->setContentsMargins(8, 12, 8, 4);
    layout->setSpacing(8);
    auto *head = new QHBoxLayout;
    head->setContentsMargins(8, 0, 8, 0);
    head->addWidget(makeLabel(tr("Model registry"), "title", "registryTitleLabel", frame));
    head->addWidget(makeLabel(tr("a model moves right when its gate holds; every version is "
                                 "signed and can be rolled back to"),
                              "muted", "registryHintLabel", frame),
                    1);
    m_rollBack = named(new QPushButton(icon(QStringLiteral("rollback")), tr("Roll back"), frame),
                       "rollBackButton");
    m_promote = named(new QPushButton(tr("Promote"), frame), "promoteButton");
    m_promote->setProperty("kind", QStringLiteral("primary"));
    connect(m_promote, &QPushButton::clicked, this, &ModelsPage::promoteAsked);
    connect(m_rollBack, &QPushButton::clicked, this, &ModelsPage::rollBackAsked);
    head->addWidget(m_rollBack);
    head->addWidget(m_promote);
    layout->addLayout(head);
    m_strip = named(new StageStrip(frame), "stageStrip");
    m_strip->setAccessibleName(tr("Stages"));
    auto *strip = new QHBoxLayout;
    strip->setContentsMargins(8, 0, 8, 0);
    strip->addWidget(m_strip);
    layout->addLayout(strip);
    m_models = new RegistryModel(this);
    m_table = named(new QTableView(frame), "registryTable");
    m_table->setAccessibleName(tr("Model packages"));
    m_table->setModel(m_models);
    setUpTable(m_table, 44);
    const int widths[RegistryModel::ColumnCount] = {150, 220, 110, 120, 100, 140};
    for (int i = 0; i < RegistryModel::ColumnCount; ++i)
        m_table->horizontalHeader()->resizeSection(i, widths[i]);
    m_table->horizontalHeader()->setSectionResizeMode(RegistryModel::State, QHeaderView::Stretch);
    connect(m_table->selectionModel(), &QItemSelectionModel::selectionChanged, this,
            &ModelsPage::showActs);
    connect(m_models, &QAbstractItemModel::modelReset, this, &ModelsPage::showActs);
    connect(m_models, &QAbstractItemModel::dataChanged, this, &ModelsPage::showActs);
    m_modelsEmpty = makeLabel(tr("No shop, no models. Starting the shop makes the first one."),
                              "muted", "registryEmptyLabel", frame);
    m_modelsEmpty->setContentsMargins(8, 8, 8, 8);
    layout->addWidget(m_modelsEmpty);
    layout->addWidget(m_table, 1);
    return frame;
}

const engine::ModelSummary *ModelsPage::selected() const
{
    const auto rows = m_table->selectionModel()->selectedRows();
    return rows.isEmpty() ? nullptr : m_models->at(rows.first().row());
}

void ModelsPage::showActs()
{
    const auto *model = selected();
    const bool canPromote = model && (model->state == "signed" || model->state == "canary");
    const bool canRollBack = model && model->state == "retired";
    m_promote->setEnabled(canPromote);
    m_rollBack->setEnabled(canRollBack);
    m_promote->setToolTip(
        canPromote ? tr("Version %1 serves on every replica then").arg(qs(model->version))
                   : tr("Select a version that passed its gate and does not "
                        "serve"));
    m_rollBack->setText(canRollBack ? tr("Roll back to version %1").arg(qs(model->version))
                                    : tr("Roll back"));
    m_rollBack->setToolTip(canRollBack ? tr("At once: replicas keep the model before warm")
                                       : tr("Select a retired version"));
}

void ModelsPage::afterAct(const QString &good, bool isGood, const QString &problem)
{
    Q_EMIT said(isGood ? good : problem);
    reloadModels();
}

void ModelsPage::retrain()
{
    if (m_steps->isUnderWay())
        return;
    m_session.operations().retrain([this](engine::Result<void> result) {
        afterAct(tr("Training began; its steps are on this page."), result.has_value(),
                 result ? QString() : qs(result.error().text()));
    });
}

void ModelsPage::promote()
{
    const auto *model = selected();
    if (!model || !m_promote->isEnabled())
        return;
    const auto version = qs(model->version);
    m_session.operations().promoteModel(
        model->version, [this, version](engine::Result<void> result) {
            afterAct(tr("Version %1 is promoted.").arg(version), result.has_value(),
                     result ? QString() : qs(result.error().text()));
        });
}

void ModelsPage::rollBack()
{
    const auto *model = selected();
    if (!model || !m_rollBack->isEnabled())
        return;
    const auto version = qs(model->version);
    m_session.operations().rollBackModel(
        model->version, [this, version](engine::Result<void> result) {
            afterAct(tr("Rolled back to version %1.").arg(version), result.has_value(),
                     result ? QString() : qs(result.error().text()));
        });
}

void ModelsPage::reloadModels()
{
    if (m_loading)
        return;
    m_loading = true;
    runInBackground(
        this, [&operations = m_session.operations()] { return operations.models(); },
        [this](engine::Result<std::vector<engine::ModelSummary>> models) {
            m_loading = false;
            if (!models) {
                m_modelsEmpty->setText(qs(models.error().text()));
                m_modelsEmpty->show();
                return;
            }
            std::array<int, StageStrip::StageCount> counts{};
            for (const auto &model : *models)
                ++counts[model.state == "serving"  ? StageStrip::Serving
                         : model.state == "canary" ? StageStrip::Canary
                         : model.state == "signed" ? StageStrip::Signed
                         : model.state == "held"   ? StageStrip::Evaluated
                                                   : StageStrip::Retired];
            counts[StageStrip::Trained] = m_steps->isUnderWay() && m_steps->rowCount() == 1;
            m_strip->show(counts);
            m_modelsEmpty->setVisible(models->empty());
            m_table->setVisible(!models->empty());
            const auto *before = selected();
            const auto version = before ? before->version : std::string();
            m_models->show(std::move(*models));
            for (int row = 0; !version.empty() && row < m_models->rowCount(); ++row)
                if (m_models->at(row)->version == version && !selected())
                    m_table->selectRow(row);
        });
}

void ModelsPage::showSteps()
{
    auto *timeline = m_session.live();
    if (!timeline)
        return;
    m_steps->show(*timeline->snapshot()->state);
    const bool any = m_steps->rowCount() > 0;
    m_stepTable->setVisible(any);
    m_stepsEmpty->setVisible(!any);
    m_retrain->setEnabled(!m_steps->isUnderWay());
    m_trainingState->setText(m_steps->isUnderWay() ? tr("under way, beside the load, one core at "
                                                        "low priority")
                             : any                 ? tr("the newest is over")
                                                   : QString());
}

void ModelsPage::showGolden()
{
    auto *timeline = m_session.live();
    if (!timeline) {
        m_goldenText->setText(tr("No shop is recorded. The golden set is scored when models are "
                                 "loaded and once a minute."));
        return;
    }
    auto snapshot = timeline->snapshot();
    const double now = toSeconds(snapshot->playhead);
    timeline->show(toMicros(now - kSeconds), toMicros(now + 0.5), binsFor(kSeconds),
                   {"golden.quality", "golden.high"});
    snapshot = timeline->snapshot();
    const TrackData data = trackData(*snapshot);
    TrackValues values;
    values.x = data.x;
    values.y = {valuesOf(*snapshot, "golden.quality", data.x.size()),
                valuesOf(*snapshot, "golden.high", data.x.size())};
    double lowest = 0.9;
    for (const double value : values.y[0])
        if (!std::isnan(value))
            lowest = std::min(lowest, value);
    values.low = std::max(0.0, std::floor(lowest * 5) / 5);
    values.high = 1.1;
    for (double tick = values.low; tick < 1.05; tick += values.low < 0.7 ? 0.2 : 0.1)
        values.ticks.push_back(tick);
    values.tickDecimals = 1;
    values.limit = 0.97;
    values.limitText = tr("alarm when even the band is below 0.97");
    values.note = tr("paired, 1,024 questions");
    const double quality = valueAt(data.x, values.y[0], now, 3);
    const double high = valueAt(data.x, values.y[1], now, 3);
    values.now = {quality, high};
    values.sentence =
        std::isnan(quality)
            ? tr("The golden set was not scored yet")
            : tr("The model earns %1 of what the last good one earns").arg(numberText(quality, 3));
    m_goldenText->setText(values.sentence + QLatin1Char('.'));
    const RunFacts facts = m_reader.read(*snapshot, false);
    TimeAxis axis;
    axis.from = now - kSeconds;
    axis.to = now + 0.5;
    axis.zero = facts.zero;
    axis.right = m_golden->width() - 96;
    Overlay overlay;
    overlay.bands = facts.bands;
    overlay.marks = facts.marks;
    m_golden->setRightGutter(96);
    overlay.valuesInGutter = true;
    m_golden->show(axis, std::move(values), overlay);
}

void ModelsPage::refresh()
{
    showSteps();
    showGolden();
    if (m_ticks++ % 5 == 0)
        reloadModels();
}

bool ModelsPage::handleKey(int, Qt::KeyboardModifiers)
{
    return false;
}

} // namespace ui
