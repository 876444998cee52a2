#pragma once
// Asks for what a training needs: family or recipe, data, seed, where the package goes. GUI thread.

#include "engine/cluster/trainings.h"

#include <QDialog>

class QComboBox;
class QLabel;
class QLineEdit;
class QPushButton;
class QSpinBox;

namespace ui {

class NewTrainingDialog : public QDialog
{
    Q_OBJECT
public:
    NewTrainingDialog(const std::vector<std::string> &recipes, QWidget *parent);
    [[nodiscard]] engine::TrainingOrder order() const;

private:
    void check();
    QComboBox *m_family = nullptr, *m_recipe = nullptr;
    QLineEdit *m_data = nullptr, *m_columns = nullptr, *m_out = nullptr;
    QSpinBox *m_seed = nullptr, *m_minutes = nullptr;
    QLabel *m_problem = nullptr;
    QPushButton *m_start = nullptr;
};

} // namespace ui
