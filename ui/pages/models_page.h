#pragma once
// Models & training: what is being trained and was, one training with its curves, and where every
// model of a shop stands. Acts go through Trainings; what is drawn is read from recordings only.
// GUI thread.

#include "engine/cluster/trainings.h"
#include "ui/pages/page.h"

#include <QElapsedTimer>

class QLabel;
class QPushButton;
class QTableView;

namespace ui {

class RegistryBoard;
class TrainingCard;
class TrainingsModel;

class ModelsPage : public Page
{
    Q_OBJECT
public:
    /// `trainings` may be null (nobody to train); else it outlives the page.
    explicit ModelsPage(engine::Trainings *trainings, QWidget *parent = nullptr);
    ~ModelsPage() override;

    void refresh() override;
    bool handleKey(int key, Qt::KeyboardModifiers modifiers) override;
    [[nodiscard]] std::vector<KeyHelp> keys() const override;
    void toggleTable() override;

    /// Chooses this one; it is in the list, or will be when that is read next.
    void choose(const std::string &recording);
    /// The commands, for menu, palette and buttons alike.
    void newTraining();
    void pause();
    void resume();
    void stop();
    void promote(const QString &shop, const QString &version);
    void showToSome(const QString &shop, const QString &version);
    void rollBack(const QString &shop, const QString &version);

Q_SIGNALS:
    /// One sentence for the status bar.
    void problem(const QString &text);

private:
    QWidget *buildList();
    void reload();
    void take(std::vector<engine::TrainingSummary> trainings);
    void open();
    void showChosen();
    [[nodiscard]] engine::Trainings::Reply<void> told(const QString &good);
    /// The same for an act that ends in a recording, which is chosen then.
    [[nodiscard]] engine::Trainings::Reply<std::string> begun(const QString &good);
    [[nodiscard]] const engine::TrainingSummary *chosen() const;

    engine::Trainings *m_trainings;
    TrainingsModel *m_model = nullptr;
    QTableView *m_table = nullptr;
    QLabel *m_empty = nullptr, *m_count = nullptr;
    QPushButton *m_new = nullptr;
    TrainingCard *m_card = nullptr;
    RegistryBoard *m_board = nullptr;
    std::string m_chosen;                         ///< recording
    std::unique_ptr<engine::Timeline> m_timeline; ///< of m_chosen
    bool m_isLoading = false, m_isLoadingModels = false, m_wasAlive = false;
    QElapsedTimer m_sinceLoad, m_sinceModels;
};

} // namespace ui
