#include "ui/pages/models_page.h"

#include "ui/models/cell_delegate.h"
#include "ui/models/trainings_model.h"
#include "ui/session/background.h"
#include "ui/session/words.h"
#include "ui/theme/theme.h"
#include "ui/widgets/new_training_dialog.h"
#include "ui/widgets/registry_board.h"
#include "ui/widgets/training_card.h"

#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QPushButton>
#include <QTableView>
#include <QVBoxLayout>

namespace ui {

namespace {

constexpr qint64 kListEvery = 1000, kModelsEvery = 5000;

} // namespace

ModelsPage::ModelsPage(engine::Trainings *trainings, QWidget *parent)
    : Page(parent), m_trainings(trainings)
{
    auto *layout = new QVBoxLayout(this);
    layout->setContentsMargins(12, 8, 12, 8);
    layout->setSpacing(8);
    auto *top = new QHBoxLayout;
    top->setSpacing(8);
    top->addWidget(buildList(), 42);
    m_card = named(new TrainingCard(this), "trainingCard");
    top->addWidget(m_card, 58);
    layout->addLayout(top, 60);
    m_board = named(new RegistryBoard(this), "registryBoard");
    layout->addWidget(m_board, 40);
    connect(m_card, &TrainingCard::pauseAsked, this, &ModelsPage::pause);
    connect(m_card, &TrainingCard::resumeAsked, this, &ModelsPage::resume);
    connect(m_card, &TrainingCard::stopAsked, this, &ModelsPage::stop);
    connect(m_card, &TrainingCard::seekAsked, this, [this](double share) {
        if (!m_timeline)
            return;
        if (share >= 1)
            m_timeline->pinToEnd();
        else
            m_timeline->seek(static_cast<std::int64_t>(
                share * static_cast<double>(m_timeline->snapshot()->end)));
    });
    connect(m_board, &RegistryBoard::promoteAsked, this, &ModelsPage::promote);
    connect(m_board, &RegistryBoard::canaryAsked, this, &ModelsPage::showToSome);
    connect(m_board, &RegistryBoard::rollBackAsked, this, &ModelsPage::rollBack);
    m_board->show({});
    showChosen();
}

ModelsPage::~ModelsPage()
{
    retire(std::move(m_timeline));
}

QWidget *ModelsPage::buildList()
{
    auto *frame = named(new QFrame(this), "trainingsCard");
    frame->setProperty("card", true);
    auto *layout = new QVBoxLayout(frame);
    layout->setContentsMargins(8, 12, 8, 4);
    layout->setSpacing(4);
    auto *head = new QHBoxLayout;
    head->setContentsMargins(8, 0, 8, 0);
    head->addWidget(makeLabel(tr("Trainings"), "title", "trainingsTitleLabel", frame));
    m_count = makeLabel({}, "muted", "trainingsCountLabel", frame);
    head->addWidget(m_count);
    head->addStretch();
    m_new = named(new QPushButton(tr("New training"), frame), "newTrainingButton");
    m_new->setProperty("kind", QStringLiteral("primary"));
    m_new->setEnabled(m_trainings != nullptr);
    connect(m_new, &QPushButton::clicked, this, &ModelsPage::newTraining);
    head->addWidget(m_new);
    layout->addLayout(head);
    m_model = new TrainingsModel(this);
    m_table = named(new QTableView(frame), "trainingsTable");
    m_table->setAccessibleName(tr("Trainings"));
    m_table->setModel(m_model);
    setUpTable(m_table, 46);
    m_table->horizontalHeader()->setSectionResizeMode(TrainingsModel::Run, QHeaderView::Stretch);
    const int widths[TrainingsModel::ColumnCount] = {160, 104, 112, 74, 92};
    for (int i = 1; i < TrainingsModel::ColumnCount; ++i)
        m_table->horizontalHeader()->resizeSection(i, widths[i]);
    connect(m_table->selectionModel(), &QItemSelectionModel::currentRowChanged, this,
            [this](const QModelIndex &current) {
                if (const auto *training = m_model->training(current.row()))
                    choose(training->recording);
            });
    m_empty = makeLabel(tr("No trainings yet. Each one is recorded from its first step; its curves "
                           "can be played back here at any time."),
                        "muted", "trainingsEmptyLabel", frame);
    m_empty->setWordWrap(true);
    m_empty->setContentsMargins(8, 8, 8, 8);
    layout->addWidget(m_empty);
    layout->addWidget(m_table, 1);
    layout->addStretch();
    m_table->hide();
    return frame;
}

const engine::TrainingSummary *ModelsPage::chosen() const
{
    return m_model->training(m_model->rowOf(m_chosen));
}

void ModelsPage::refresh()
{
    reload();
    showChosen();
}

void ModelsPage::reload()
{
    if (!m_trainings)
        return;
    if (!m_isLoading && (!m_sinceLoad.isValid() || m_sinceLoad.elapsed() >= kListEvery)) {
        m_isLoading = true;
        m_sinceLoad.start();
        runInBackground(
            this, [trainings = m_trainings] { return trainings->trainings(); },
            [this](std::vector<engine::TrainingSummary> all) {
                m_isLoading = false;
                take(std::move(all));
            });
    }
    if (!m_isLoadingModels
        && (!m_sinceModels.isValid() || m_sinceModels.elapsed() >= kModelsEvery)) {
        m_isLoadingModels = true;
        m_sinceModels.start();
        runInBackground(
            this, [trainings = m_trainings] { return trainings->shopModels(); },
            [this](std::vector<engine::ShopModels> shops) {
                m_isLoadingModels = false;
                m_board->show(std::move(shops));
            });
    }
}

void ModelsPage::take(std::vector<engine::TrainingSummary> trainings)
{
    m_empty->setVisible(trainings.empty());
    m_table->setVisible(!trainings.empty());
    m_count->setText(trainings.empty() ? QString() : QString::number(trainings.size()));
    m_model->show(std::move(trainings));
    int row = m_model->rowOf(m_chosen);
    if (row < 0 && m_chosen.empty() && m_model->rowCount() > 0)
        row = 0;
    if (row >= 0 && m_table->currentIndex().row() != row)
        m_table->selectRow(row);
    // One whose process ended is read anew: as a file that nobody writes any more.
    const auto *training = chosen();
    const bool isAlive = training && training->isAlive;
    if (m_wasAlive != isAlive) {
        m_wasAlive = isAlive;
        open();
    }
    showChosen();
}

void ModelsPage::choose(const std::string &recording)
{
    if (recording == m_chosen)
        return;
    m_chosen = recording;
    const auto *training = chosen();
    m_wasAlive = training && training->isAlive;
    retire(std::move(m_timeline));
    m_card->clear({});
    open();
}

void ModelsPage::open()
{
    if (m_chosen.empty() || !m_trainings)
        return;
    runInBackground(
        this,
        [trainings = m_trainings, recording = m_chosen] {
            return std::pair(recording, trainings->openTraining(recording));
        },
        [this](auto opened) {
            auto &[recording, timeline] = opened;
            if (recording != m_chosen) {
                if (timeline)
                    retire(std::move(*timeline));
                return;
            }
            if (!timeline) {
                Q_EMIT problem(qs(timeline.error().text()));
                return;
            }
            retire(std::exchange(m_timeline, std::move(*timeline)));
            showChosen();
        });
}

void ModelsPage::showChosen()
{
    if (const auto *training = chosen())
        m_card->show(*training, m_timeline ? m_timeline->snapshot() : nullptr);
}

engine::Trainings::Reply<void> ModelsPage::told(const QString &good)
{
    return [page = QPointer(this), good](engine::Result<void> result) {
        if (!page)
            return;
        Q_EMIT page->problem(result ? good : qs(result.error().text()));
        page->m_sinceLoad.invalidate();
        page->m_sinceModels.invalidate();
    };
}

engine::Trainings::Reply<std::string> ModelsPage::begun(const QString &good)
{
    return [page = QPointer(this), good](engine::Result<std::string> recording) {
        if (!page)
            return;
        Q_EMIT page->problem(recording ? good : qs(recording.error().text()));
        if (recording)
            page->choose(*recording);
        page->m_sinceLoad.invalidate();
    };
}

void ModelsPage::newTraining()
{
    if (!m_trainings)
        return;
    auto *dialog = named(new NewTrainingDialog(m_trainings->recipes(), this), "newTrainingDialog");
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    connect(dialog, &QDialog::accepted, this, [this, dialog] {
        Q_EMIT problem(tr("Starting the training ..."));
        m_trainings->startTraining(dialog->order(), begun(tr("The training runs.")));
    });
    dialog->open();
}

void ModelsPage::pause()
{
    if (m_trainings && !m_chosen.empty())
        m_trainings->pauseTraining(m_chosen, told(tr("The training pauses at its next step.")));
}

void ModelsPage::resume()
{
    if (m_trainings && !m_chosen.empty())
        m_trainings->resumeTraining(m_chosen, begun(tr("The training goes on.")));
}

void ModelsPage::stop()
{
    if (m_trainings && !m_chosen.empty())
        m_trainings->stopTraining(m_chosen, told(tr("The training stops at a checkpoint.")));
}

void ModelsPage::promote(const QString &shop, const QString &version)
{
    if (m_trainings)
        m_trainings->promote(shop.toStdString(), version.toStdString(),
                             told(tr("Version %1 serves %2.").arg(version, shop)));
}

void ModelsPage::showToSome(const QString &shop, const QString &version)
{
    if (m_trainings)
        m_trainings->showToSome(shop.toStdString(), version.toStdString(),
                                told(version.isEmpty()
                                         ? tr("The canary of %1 ends.").arg(shop)
                                         : tr("Version %1 goes to a quarter of the shoppers of %2.")
                                               .arg(version, shop)));
}

void ModelsPage::rollBack(const QString &shop, const QString &version)
{
    if (m_trainings)
        m_trainings->rollBack(shop.toStdString(), version.toStdString(),
                              told(version.isEmpty()
                                       ? tr("%1 went back to the version before.").arg(shop)
                                       : tr("%1 went back to version %2.").arg(shop, version)));
}

bool ModelsPage::handleKey(int key, Qt::KeyboardModifiers modifiers)
{
    if (modifiers != Qt::NoModifier)
        return false;
    const auto *training = chosen();
    if (key == Qt::Key_N) {
        newTraining();
        return true;
    }
    if (key == Qt::Key_Space && training) {
        const auto *view = training->state ? &training->state->training : nullptr;
        if (view && *view && (*view)->state == engine::TrainingState::Running && training->isAlive)
            pause();
        else
            resume();
        return true;
    }
    return false;
}

std::vector<KeyHelp> ModelsPage::keys() const
{
    return {{tr("N"), tr("New training")},
            {tr("Space"), tr("Pause the chosen training, or let it go on")}};
}

void ModelsPage::toggleTable()
{
    m_card->toggleTable();
}

} // namespace ui
