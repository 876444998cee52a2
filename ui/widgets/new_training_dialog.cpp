#include "ui/widgets/new_training_dialog.h"

#include "ui/session/words.h"
#include "ui/theme/theme.h"
#include "ui/widgets/choice.h"

#include <QFileDialog>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSpinBox>
#include <QVBoxLayout>

namespace ui {

NewTrainingDialog::NewTrainingDialog(const std::vector<std::string> &recipes, QWidget *parent)
    : QDialog(parent)
{
    setWindowTitle(tr("New training"));
    setMinimumWidth(520);
    auto *layout = new QVBoxLayout(this);
    layout->setContentsMargins(16, 16, 16, 16);
    layout->setSpacing(12);
    auto *form = new QFormLayout;
    form->setHorizontalSpacing(16);
    form->setVerticalSpacing(8);
    m_family = named(new Choice(this), "trainingFamilyCombo");
    m_family->addItem(tr("as the recipe says"), QString());
    for (const char *family : {"mf", "sequence", "search", "ctr", "demand", "popularity"})
        m_family->addItem(QString::fromLatin1(family), QString::fromLatin1(family));
    m_family->setCurrentIndex(1);
    form->addRow(tr("Family"), m_family);
    m_data = named(new QLineEdit(this), "trainingDataEdit");
    m_data->setPlaceholderText(tr("a file: lists, pairs, csv, libsvm or jsonl"));
    m_data->setAccessibleName(tr("Data file"));
    auto *row = new QHBoxLayout;
    row->setSpacing(8);
    row->addWidget(m_data, 1);
    auto *browse = named(new QPushButton(tr("Browse ..."), this), "trainingDataButton");
    row->addWidget(browse);
    form->addRow(tr("Data"), row);
    m_columns = named(new QLineEdit(this), "trainingColumnsEdit");
    m_columns->setPlaceholderText(tr("of a csv: user=CustomerID,item=StockCode"));
    form->addRow(tr("Columns"), m_columns);
    m_recipe = named(new Choice(this), "trainingRecipeCombo");
    m_recipe->addItem(tr("default for the size of the data"), QString());
    for (const auto &recipe : recipes)
        m_recipe->addItem(qs(recipe), qs(recipe));
    form->addRow(tr("Recipe"), m_recipe);
    m_seed = named(new QSpinBox(this), "trainingSeedSpin");
    m_seed->setRange(0, 1'000'000'000);
    m_seed->setValue(1);
    m_seed->setButtonSymbols(QAbstractSpinBox::NoButtons);
    form->addRow(tr("Seed"), m_seed);
    m_minutes = named(new QSpinBox(this), "trainingMinutesSpin");
    m_minutes->setRange(1, 60 * 24 * 7);
    m_minutes->setValue(30);
    m_minutes->setButtonSymbols(QAbstractSpinBox::NoButtons);
    m_minutes->setSuffix(tr(" min"));
    form->addRow(tr("Time limit"), m_minutes);
    m_out = named(new QLineEdit(this), "trainingOutEdit");
    m_out->setPlaceholderText(tr("a new folder among the models of this home"));
    m_out->setAccessibleName(tr("Folder of the package"));
    form->addRow(tr("Package"), m_out);
    layout->addLayout(form);
    m_problem = makeLabel({}, "muted", "trainingProblemLabel", this);
    m_problem->setWordWrap(true);
    layout->addWidget(m_problem);
    auto *buttons = new QHBoxLayout;
    buttons->addStretch();
    auto *cancel = named(new QPushButton(tr("Cancel"), this), "trainingCancelButton");
    m_start = named(new QPushButton(tr("Start training"), this), "trainingStartButton");
    m_start->setProperty("kind", QStringLiteral("primary"));
    m_start->setDefault(true);
    buttons->addWidget(cancel);
    buttons->addWidget(m_start);
    layout->addLayout(buttons);
    connect(cancel, &QPushButton::clicked, this, &QDialog::reject);
    connect(m_start, &QPushButton::clicked, this, &QDialog::accept);
    connect(browse, &QPushButton::clicked, this, [this] {
        auto *files = named(new QFileDialog(this, tr("Data to learn from")), "trainingDataDialog");
        files->setAttribute(Qt::WA_DeleteOnClose);
        files->setFileMode(QFileDialog::ExistingFile);
        connect(files, &QFileDialog::fileSelected, m_data, &QLineEdit::setText);
        files->open();
    });
    connect(m_data, &QLineEdit::textChanged, this, &NewTrainingDialog::check);
    connect(m_family, &QComboBox::currentIndexChanged, this, &NewTrainingDialog::check);
    connect(m_recipe, &QComboBox::currentIndexChanged, this, &NewTrainingDialog::check);
    check();
}

void NewTrainingDialog::check()
{
    const auto order = this->order();
    const QString problem = order.data.empty() ? tr("Choose the file to learn from.")
                            : order.family.empty() && order.recipe.empty()
                                ? tr("Choose a family, or a recipe that names one.")
                                : QString();
    m_problem->setText(problem.isEmpty()
                           ? tr("It runs behind everything else and keeps a checkpoint every 10 s.")
                           : problem);
    m_start->setEnabled(problem.isEmpty());
    m_start->setToolTip(problem);
}

engine::TrainingOrder NewTrainingDialog::order() const
{
    engine::TrainingOrder order;
    order.family = m_family->currentData().toString().toStdString();
    order.data = m_data->text().trimmed().toStdString();
    order.columns = m_columns->text().trimmed().toStdString();
    order.recipe = m_recipe->currentData().toString().toStdString();
    order.out = m_out->text().trimmed().toStdString();
    order.seed = static_cast<std::uint64_t>(m_seed->value());
    order.timeLimit = 60 * m_minutes->value();
    return order;
}

} // namespace ui
